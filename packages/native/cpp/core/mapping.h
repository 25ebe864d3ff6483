#pragma once
// A file that is read where the system keeps it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/mapping_guard.h"

namespace mixtape {

/**
 * A read-only mapping of a whole file. Its length is that at opening. Where someone truncates the file later, reads behind
 * its new end give zeros and the mapping counts as lost: see mapping_guard.h.
 */
class Mapping {
 public:
  /** @throws std::system_error where the file cannot be opened or mapped */
  static std::shared_ptr<Mapping> open(const std::string& path);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /** Whether the file was truncated, and something of it that is gone was read. */
  bool lost() const { return guard_->lost(); }

  // Advice to the system (mapping_advice.cc). Where a system has no such call, nothing happens. `data` and the bytes from it on
  // are inside the mapping.

  /** Tells that what is read of these bytes says nothing of what is read next: the system reads no more than it must. */
  void advise_random(const uint8_t* data, size_t bytes) const;
  /** Begins to read bytes that are not in memory, and does not wait for them. */
  void advise_need(const uint8_t* data, size_t bytes) const;
  /** Frees the memory of bytes that will not be needed soon. Reading them later is slower, nothing else. */
  void advise_drop(const uint8_t* data, size_t bytes) const;
  /** Returns whether the page of an address is in memory; true where the system does not tell. */
  bool holds(const uint8_t* data) const;

 private:
  Mapping(const uint8_t* data, size_t size, const std::string& path, int file)
      : data_(data), size_(size), path_(path), file_(file), guard_(GuardedRange::guard(data, size)) {}
  const uint8_t* data_;
  size_t size_;
  std::string path_;
  /** Descriptor of the open file, for advice; −1 on Windows. */
  int file_;
  GuardedRange* guard_;
};

}  // namespace mixtape
