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
