#include "tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>

namespace twinflow::monitor {
namespace {

/// Some images of a batch, without pixels yet.
Tile empty_tile(const Images& images, std::string label, Tile::Kind kind) {
  const auto number = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  return {std::move(label),
          kind,
          {{0, number(images.channels), number(images.height), number(images.width)}, {}}};
}

void add_picture(Tile& tile, const Images& images, std::size_t i) {
  ++tile.pictures.shape[0];
  tile.pictures.values.insert(tile.pictures.values.end(), images.image(i),
                              images.image(i) + images.image_size());
}

}  // namespace

bool can_be_shown(std::size_t channels) { return channels == 1 || channels == 3; }

void add_tiles(const PairBatch& batch, std::size_t most, std::vector<Tile>& tiles) {
  for (std::size_t pair = 0; pair < std::min(most, batch.pairs()); ++pair) {
    const bool same = batch.same(pair);
    tiles.push_back(empty_tile(batch.images,
                               fmt::format("{} ({})", same ? "same" : "different", batch.labels[pair]),
                               same ? Tile::Kind::same : Tile::Kind::different));
    add_picture(tiles.back(), batch.images, pair);
    add_picture(tiles.back(), batch.images, batch.pairs() + pair);
  }
}

void add_tiles(const ImageBatch& batch, std::size_t most, std::vector<Tile>& tiles) {
  constexpr std::size_t row = 8;  // more of a class go on in another tile
  std::map<std::int32_t, std::size_t> tile_of;
  for (std::size_t i = 0; i < std::min(most, batch.images.count); ++i) {
    const auto [found, fresh] = tile_of.try_emplace(batch.classes[i], tiles.size());
    if (fresh || tiles[found->second].size(0) == row) {
      found->second = tiles.size();
      tiles.push_back(
          empty_tile(batch.images, fmt::format("class {}", batch.classes[i]), Tile::Kind::one_class));
    }
    add_picture(tiles[found->second], batch.images, i);
  }
}

std::vector<Tile> tiles_of(const WrongAnswers& wrong, std::size_t most) {
  constexpr std::size_t most_shots = 4;  // of a class
  struct Part {
    std::string label;
    Tile::Kind kind;
    std::size_t pictures;
  };
  std::vector<Part> parts;
  std::vector<Shot> shots;
  const auto add = [&](std::string label, Tile::Kind kind, const std::vector<std::size_t>& images) {
    const std::size_t shown = std::min(most_shots, images.size());
    if (shown < images.size()) label += fmt::format(" ({} of {} shots)", shown, images.size());
    parts.push_back({std::move(label), kind, shown});
    for (std::size_t i = 0; i < shown; ++i) shots.push_back({images[i]});
  };
  for (const Answer& answer : std::span(wrong.answers).first(std::min(most, wrong.answers.size()))) {
    add("query", Tile::Kind::one_class, {answer.query});
    add(fmt::format("right {:.4g}", answer.distance_to_right), Tile::Kind::same, answer.right);
    add(fmt::format("given {:.4g}", answer.distance_to_given), Tile::Kind::different, answer.given);
  }

  std::vector<Tile> tiles;
  if (parts.empty()) return tiles;
  Images images(wrong.store, std::move(shots));
  images.read();  // all of them, in parallel
  std::size_t at = 0;
  for (Part& part : parts) {
    tiles.push_back(empty_tile(images, std::move(part.label), part.kind));
    for (std::size_t i = 0; i < part.pictures; ++i) add_picture(tiles.back(), images, at++);
  }
  return tiles;
}

}  // namespace twinflow::monitor
