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

 private:
  Mapping(const uint8_t* data, size_t size, const std::string& path)
      : data_(data), size_(size), path_(path), guard_(GuardedRange::guard(data, size)) {}
  const uint8_t* data_;
  size_t size_;
  std::string path_;
  GuardedRange* guard_;
};

}  // namespace mixtape
