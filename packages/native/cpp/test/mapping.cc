// Files where the system keeps them.

#include "core/mapping.h"

#include <cstdlib>
#include <fstream>
#include <system_error>

#if !defined(_WIN32)
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "test/check.h"

namespace mixtape {
namespace {

#if !defined(_WIN32)

/** A folder of its own, gone at the end. */
struct Folder {
  Folder() {
    char name[] = "/tmp/mixtape-mapping-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() {
    for (const auto& file : files) unlink(file.c_str());
    rmdir(path.c_str());
  }
  std::string file(const std::string& name, const std::string& text) {
    files.push_back(path + "/" + name);
    std::ofstream(files.back()) << text;
    return files.back();
  }
  std::string path;
  std::vector<std::string> files;
};

TEST(mapping_reads_the_whole_file) {
  Folder folder;
  const std::string text(12345, 'x');
  const auto mapping = Mapping::open(folder.file("some", text));
  CHECK(mapping->size() == text.size());
  CHECK(std::memcmp(mapping->data(), text.data(), text.size()) == 0);
}

TEST(mapping_outlives_the_files_name) {
  Folder folder;
  const std::string path = folder.file("gone", "still here");
  const auto mapping = Mapping::open(path);
  unlink(path.c_str());
  CHECK(std::memcmp(mapping->data(), "still here", 10) == 0);
}

TEST(mapping_survives_a_file_that_is_truncated) {
  Folder folder;
  const std::string path = folder.file("cut", std::string(100000, 'x'));
  const auto whole = Mapping::open(folder.file("whole", std::string(100000, 'y')));
  for (const off_t length : {off_t{50000}, off_t{0}}) {
    folder.file("cut", std::string(100000, 'x'));
    const auto mapping = Mapping::open(path);
    const uint64_t losses = GuardedRange::losses();
    CHECK(!mapping->lost());
    CHECK(truncate(path.c_str(), length) == 0);
    const volatile uint8_t* const data = mapping->data();
    // The rest of the last page that the file still has is zero, as the system has it; there is nothing behind it.
    if (length > 0) CHECK(data[0] == 'x' && !mapping->lost());
    CHECK(data[99999] == 0 && mapping->lost());
    CHECK(data[99998] == 0);
    CHECK(GuardedRange::losses() == losses + 1);
    CHECK(!whole->lost() && whole->data()[99999] == 'y');
  }
  // A range that is used again is not lost.
  CHECK(!Mapping::open(folder.file("new", "text"))->lost());
}

TEST(mapping_refuses_what_is_no_file) {
  Folder folder;
  CHECK_THROWS(std::system_error, Mapping::open(folder.path + "/none"));
  CHECK_THROWS(std::system_error, Mapping::open(folder.path));
  CHECK_THROWS(std::system_error, Mapping::open(folder.file("empty", "")));
  CHECK_THROWS(std::system_error, Mapping::open(""));
  CHECK_THROWS(std::system_error, Mapping::open(folder.file("cut", "text") + std::string("\0tail", 5)));
  folder.files.push_back(folder.path + "/pipe");
  mkfifo(folder.files.back().c_str(), 0600);
  CHECK_THROWS(std::system_error, Mapping::open(folder.files.back()));
}

#endif

}  // namespace
}  // namespace mixtape
