#include "core/mapping.h"

#include <cerrno>
#include <system_error>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace mixtape {

#if defined(_WIN32)

namespace {

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(static_cast<int>(GetLastError()), std::system_category(), path);
}

std::wstring wide(const std::string& utf8) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()), nullptr, 0);
  std::wstring text(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()), text.data(), length);
  return text;
}

}  // namespace

std::shared_ptr<Mapping> Mapping::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) throw std::system_error(EINVAL, std::generic_category(), path);
  const DWORD sharing = FILE_SHARE_READ | FILE_SHARE_DELETE;
  HANDLE file = CreateFileW(wide(path).c_str(), GENERIC_READ, sharing, nullptr, OPEN_EXISTING, 0, nullptr);
  if (file == INVALID_HANDLE_VALUE) fail(path);
  LARGE_INTEGER size;
  HANDLE view = nullptr;
  if (GetFileSizeEx(file, &size)) view = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  CloseHandle(file);
  if (!view) fail(path);
  void* const data = MapViewOfFile(view, FILE_MAP_READ, 0, 0, 0);
  CloseHandle(view);
  if (!data) fail(path);
  return std::shared_ptr<Mapping>(new Mapping(static_cast<uint8_t*>(data), static_cast<size_t>(size.QuadPart), path, -1));
}

Mapping::~Mapping() { UnmapViewOfFile(data_); }

#else

std::shared_ptr<Mapping> Mapping::open(const std::string& path) {
  const auto fail = [&](int file, int error) {
    if (file >= 0) close(file);
    throw std::system_error(error, std::generic_category(), path);
  };
  if (path.find('\0') != std::string::npos) fail(-1, EINVAL);
  // Not to wait for a writer, where it is a pipe.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) fail(file, errno);
  struct stat status;
  if (fstat(file, &status) != 0) fail(file, errno);
  if (!S_ISREG(status.st_mode)) fail(file, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  const auto size = static_cast<size_t>(status.st_size);
  void* const data = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  if (data == MAP_FAILED) fail(file, errno);
  return std::shared_ptr<Mapping>(new Mapping(static_cast<uint8_t*>(data), size, path, file));
}

Mapping::~Mapping() {
  guard_->release();
  munmap(const_cast<uint8_t*>(data_), size_);
  close(file_);
}

#endif

}  // namespace mixtape
