#pragma once
// Which experts stay in memory, where a model is larger than it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "core/mapping.h"

namespace mixtape {

/** Bytes of a mapped file. */
struct FileBytes {
  const Mapping* file;
  const uint8_t* data;
  size_t bytes;
};

/** One matrix of a stack of experts, with its scales where they have a plane of their own. */
struct CachedMatrix {
  std::vector<FileBytes> places;
  size_t bytes = 0;

  enum class State : uint8_t { on_disk, recent, frequent };
  State state = State::on_disk;
  /** Logarithm to base 2 of how often it was used, where a use counts half after kHalfLife calls. */
  double heat = 0;
  /** Call that used it last. */
  uint64_t used = 0;
  /** Whether the system was advised that it is not read in order. */
  bool is_random = false;
  /** Its place among the recent ones. */
  std::list<CachedMatrix*>::iterator recent{};
};

/** The matrices of one stack. */
using CachedStack = std::vector<CachedMatrix>;

/** A matrix that is about to be used, by so many tokens. */
struct Use {
  CachedMatrix* matrix;
  size_t tokens;
};

/**
 * Experts in memory, of all models of the process that map them from files. While all of them fit it does nothing. Where they do not,
 * matrices that a router has chosen are read ahead of use, and others give up their memory.
 *
 * Which ones is decided as in W-TinyLFU (Einziger, Friedman and Manes 2017): a tenth of the memory is for matrices that were used most
 * recently, the rest for those used most often; of a matrix that leaves the recent ones and the least frequent one the less used one
 * goes. So experts that one prompt uses in passing do not displace those that every text uses, as they do where the system frees what
 * was not used for longest.
 */
class ExpertCache {
 public:
  static ExpertCache& shared();

  /** Sets the memory of all stacks together, in bytes. */
  void set_limit(size_t bytes);
  /** Adds a stack, of which nothing counts as in memory. It leaves when the last reference does. */
  std::shared_ptr<CachedStack> add(CachedStack stack);

  /** Whether the stacks are larger than their memory. */
  bool is_active() const { return active_.load(std::memory_order_relaxed); }
  /** Begins to read matrices, in this order, and makes room for them. */
  void use(const std::vector<Use>& uses);

  /** Numbers of matrices, since the start or the last change of the limit. */
  struct Counts {
    uint64_t used;
    /** Used, and not in memory. */
    uint64_t read;
    uint64_t read_bytes;
    uint64_t dropped;
    /** Bytes of matrices that count as in memory. */
    uint64_t resident_bytes;
  };
  Counts counts();

 private:
  struct Colder {
    bool operator()(const CachedMatrix* a, const CachedMatrix* b) const { return a->heat != b->heat ? a->heat < b->heat : a < b; }
  };

  void remove(CachedStack& stack);
  void update();
  void heat(CachedMatrix& matrix, size_t tokens);
  void make_room(size_t bytes);
  void drop(CachedMatrix& matrix);
  bool is_in_memory(const CachedMatrix& matrix) const;

  std::mutex mutex_;
  std::atomic<bool> active_{false};
  size_t limit_ = SIZE_MAX;
  size_t total_bytes_ = 0;
  size_t stacks_ = 0;
  size_t recent_bytes_ = 0;
  size_t resident_bytes_ = 0;
  uint64_t calls_ = 0;
  Counts counts_{};
  /** The longest unused first. */
  std::list<CachedMatrix*> recent_;
  std::set<CachedMatrix*, Colder> frequent_;
};

}  // namespace mixtape
