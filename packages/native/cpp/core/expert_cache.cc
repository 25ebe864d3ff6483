#include "core/expert_cache.h"

#include <algorithm>
#include <cmath>

namespace mixtape {
namespace {

/** Tokens after which a use counts half. */
constexpr double kHalfLife = 256;
/** Stacks of a layer: gate, up and down. Each layer makes one call for a token. */
constexpr size_t kStacksOfLayer = 3;
/** Share of the memory that recently used matrices have. */
constexpr double kRecentShare = 0.1;
/** Least difference in heat, in powers of 2, for which a matrix displaces a frequent one: reading it costs, too. */
constexpr double kMargin = 0.5;

/** log2(2^a + 2^b) */
double add_logarithms(double a, double b) { return std::max(a, b) + std::log2(1 + std::exp2(-std::abs(a - b))); }

}  // namespace

ExpertCache& ExpertCache::shared() {
  // Never destroyed: weights of other Node environments may outlive this one.
  static ExpertCache* const cache = new ExpertCache;
  return *cache;
}

void ExpertCache::set_limit(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  limit_ = bytes;
  counts_ = {};
  update();
  if (is_active()) make_room(0);
}

std::shared_ptr<CachedStack> ExpertCache::add(CachedStack stack) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<CachedStack> shared(new CachedStack(std::move(stack)), [](CachedStack* gone) {
    ExpertCache::shared().remove(*gone);
    delete gone;
  });
  for (CachedMatrix& matrix : *shared) {
    for (const FileBytes& place : matrix.places) matrix.bytes += place.bytes;
    total_bytes_ += matrix.bytes;
  }
  stacks_++;
  update();
  return shared;
}

void ExpertCache::remove(CachedStack& stack) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (CachedMatrix& matrix : stack) {
    total_bytes_ -= matrix.bytes;
    if (matrix.state == CachedMatrix::State::on_disk) continue;
    resident_bytes_ -= matrix.bytes;
    if (matrix.state == CachedMatrix::State::frequent) frequent_.erase(&matrix);
    if (matrix.state != CachedMatrix::State::recent) continue;
    recent_bytes_ -= matrix.bytes;
    recent_.erase(matrix.recent);
  }
  stacks_--;
  update();
}

void ExpertCache::update() { active_.store(total_bytes_ > limit_, std::memory_order_relaxed); }

ExpertCache::Counts ExpertCache::counts() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Counts counts = counts_;
  counts.resident_bytes = resident_bytes_;
  return counts;
}

void ExpertCache::use(const std::vector<Use>& uses) {
  std::vector<CachedMatrix*> missing;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    calls_++;
    size_t bytes = 0;
    for (const auto& [matrix, tokens] : uses) {
      heat(*matrix, tokens);
      matrix->used = calls_;
      counts_.used++;
      if (is_in_memory(*matrix)) continue;
      missing.push_back(matrix);
      counts_.read++;
      counts_.read_bytes += matrix->bytes;
      if (matrix->state == CachedMatrix::State::on_disk) bytes += matrix->bytes;
    }
    make_room(bytes);
    for (const auto& [matrix, tokens] : uses) {
      if (matrix->state == CachedMatrix::State::frequent) continue;
      if (matrix->state == CachedMatrix::State::recent) {
        recent_.splice(recent_.end(), recent_, matrix->recent);
        continue;
      }
      matrix->state = CachedMatrix::State::recent;
      matrix->recent = recent_.insert(recent_.end(), matrix);
      recent_bytes_ += matrix->bytes;
      resident_bytes_ += matrix->bytes;
    }
  }
  for (CachedMatrix* matrix : missing) {
    for (const FileBytes& place : matrix->places) {
      // Otherwise a page that is missing makes the system read megabytes of other experts around it.
      if (!matrix->is_random) place.file->advise_random(place.data, place.bytes);
      place.file->advise_need(place.data, place.bytes);
    }
    matrix->is_random = true;
  }
}

void ExpertCache::heat(CachedMatrix& matrix, size_t tokens) {
  const auto layers = static_cast<double>(std::max<size_t>(1, stacks_ / kStacksOfLayer));
  const double now = static_cast<double>(calls_) / (layers * kHalfLife);
  // Tokens of one call are of one text: twice as many do not say twice as much.
  const double use = now + std::log2(std::log2(1 + static_cast<double>(tokens)));
  const bool is_frequent = matrix.state == CachedMatrix::State::frequent;
  if (is_frequent) frequent_.erase(&matrix);
  matrix.heat = matrix.used == 0 ? use : add_logarithms(matrix.heat, use);
  if (is_frequent) frequent_.insert(&matrix);
}

void ExpertCache::make_room(size_t bytes) {
  const auto share = static_cast<size_t>(kRecentShare * static_cast<double>(limit_));
  // What this call uses is the last of the recent ones, and stays.
  while (recent_bytes_ + bytes > share && !recent_.empty() && recent_.front()->used != calls_) {
    CachedMatrix& oldest = *recent_.front();
    recent_.pop_front();
    recent_bytes_ -= oldest.bytes;
    oldest.state = CachedMatrix::State::frequent;
    frequent_.insert(&oldest);
    if (resident_bytes_ + bytes <= limit_) continue;
    CachedMatrix& coldest = **frequent_.begin();
    drop(coldest.used != calls_ && oldest.heat > coldest.heat + kMargin ? coldest : oldest);
  }
  for (auto next = frequent_.begin(); resident_bytes_ + bytes > limit_ && next != frequent_.end();) {
    CachedMatrix& matrix = **next++;
    if (matrix.used != calls_) drop(matrix);
  }
}

/** Drops a frequent one. */
void ExpertCache::drop(CachedMatrix& matrix) {
  frequent_.erase(&matrix);
  matrix.state = CachedMatrix::State::on_disk;
  resident_bytes_ -= matrix.bytes;
  counts_.dropped++;
  for (const FileBytes& place : matrix.places) place.file->advise_drop(place.data, place.bytes);
}

/** Looks at the first and the last page: the system frees memory as it likes. */
bool ExpertCache::is_in_memory(const CachedMatrix& matrix) const {
  if (matrix.state == CachedMatrix::State::on_disk) return false;
  for (const FileBytes& place : matrix.places)
    if (place.bytes > 0 && (!place.file->holds(place.data) || !place.file->holds(place.data + place.bytes - 1))) return false;
  return true;
}

}  // namespace mixtape
