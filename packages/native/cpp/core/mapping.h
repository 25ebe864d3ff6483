#pragma once
// A file that is read where the system keeps it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mixtape {

/**
 * A read-only mapping of a whole file. Its length is that at opening: if someone shortens the file later, reading behind its
 * new end kills the process (SIGBUS), as with every mapping; checkpoints are replaced by renaming, never rewritten.
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

 private:
  Mapping(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  const uint8_t* data_;
  size_t size_;
};

}  // namespace mixtape
