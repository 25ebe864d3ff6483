#include "core/mapping.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace mixtape {

#if defined(_WIN32)

void Mapping::advise_random(const uint8_t*, size_t) const {}
void Mapping::advise_need(const uint8_t* data, size_t bytes) const {
  WIN32_MEMORY_RANGE_ENTRY range{const_cast<uint8_t*>(data), bytes};
  PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}
void Mapping::advise_drop(const uint8_t*, size_t) const {}
bool Mapping::holds(const uint8_t*) const { return true; }

#else

namespace {

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

struct Pages {
  uint8_t* begin;
  size_t bytes;
};

/** Pages that contain these bytes, in part or in whole. */
Pages touched(const uint8_t* data, size_t bytes) {
  const size_t before = reinterpret_cast<uintptr_t>(data) % page_bytes();
  return {const_cast<uint8_t*>(data) - before, bytes + before};
}

/** Pages that contain nothing but these bytes. */
Pages inside(const uint8_t* data, size_t bytes) {
  const size_t page = page_bytes();
  const size_t skipped = (page - reinterpret_cast<uintptr_t>(data) % page) % page;
  const size_t rest = bytes > skipped ? bytes - skipped : 0;
  return {const_cast<uint8_t*>(data) + skipped, rest / page * page};
}

}  // namespace

void Mapping::advise_random(const uint8_t* data, size_t bytes) const {
  const Pages pages = touched(data, bytes);
  madvise(pages.begin, pages.bytes, MADV_RANDOM);
}

void Mapping::advise_need(const uint8_t* data, size_t bytes) const {
  const Pages pages = touched(data, bytes);
  madvise(pages.begin, pages.bytes, MADV_WILLNEED);
}

void Mapping::advise_drop(const uint8_t* data, size_t bytes) const {
  const Pages pages = inside(data, bytes);
  if (pages.bytes == 0) return;
  // Pages of a file that a process has mapped stay in memory: these first leave this process's own tables.
  madvise(pages.begin, pages.bytes, MADV_DONTNEED);
#if defined(POSIX_FADV_DONTNEED)
  posix_fadvise(file_, pages.begin - data_, static_cast<off_t>(pages.bytes), POSIX_FADV_DONTNEED);
#endif
}

bool Mapping::holds(const uint8_t* data) const {
#if defined(__linux__)
  const Pages pages = touched(data, 1);
  unsigned char held = 1;
  return mincore(pages.begin, page_bytes(), &held) != 0 || (held & 1) != 0;
#else
  (void)data;
  return true;
#endif
}

#endif

}  // namespace mixtape
