#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <array>
#include <memory>
#include <numeric>
#include <opencv2/core.hpp>
#include <optional>
#include <utility>

#include "glyph_alphabet.h"
#include "glyph_hand.h"
#include "ink.h"
#include "picture.h"
#include "split.h"
#include "twinflow/interrupt.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::data {

/// Characters that nobody ever wrote, in alphabets whose characters look alike, each drawn by several hands:
/// a data set of Omniglot's kind that needs no download. Sample i of every character of an alphabet is by the
/// same hand, and `drawers` holds that i. A drawing is a function of (seed, node name, alphabet, character,
/// sample) alone. Everything is drawn in open(); the outputs share it.
class Glyphs final : public Constants, public CountsMemory {
 public:
  static void describe(NodeSpec<Glyphs>& spec);
  void check(const Checking& checking) const;
  std::optional<ImageShape> image_shape(std::optional<ImageShape>) const { return {{1, size, size}}; }
  void count_memory(MemoryNeed& need) override;
  void open() override;

 private:
  Dataset train();
  Dataset validation();
  Dataset test();
  Dataset all() { return all_; }

  std::size_t alphabets() const { return classes / classes_per_alphabet; }
  Dataset part(std::size_t from, std::size_t to, const std::string& what) const;
  void draw_alphabet(std::size_t alphabet, std::uint8_t* to) const;

  std::size_t classes = 600, classes_per_alphabet = 20, samples = 20;
  std::size_t size = PictureForm::drawn;  // pixels
  bool invert = true;
  std::size_t test_alphabets = 10, validation_alphabets = 5;
  Split split;

  static constexpr double most_gib = 16;  // a slip of the keyboard rather than a wish
  Dataset all_;
};

void Glyphs::describe(NodeSpec<Glyphs>& spec) {
  spec.summary("Generated handwritten characters in alphabets: a data set that needs no download.");
  spec.example(R"([node.glyphs]
type = "data.glyphs"
classes = 400
size = 35)");
  spec.param("classes", &Glyphs::classes).range(2, 100'000).doc("how many characters there are");
  spec.param("classes_per_alphabet", &Glyphs::classes_per_alphabet)
      .range(2, 200)
      .doc("how many of them an alphabet has");
  spec.param("samples", &Glyphs::samples)
      .range(1, 1000)
      .doc("drawings of each character, each by another hand");
  spec.param("size", &Glyphs::size)
      .unit("pixels")
      .range(8, PictureForm::drawn)
      .doc("height and width of the images");
  spec.param("invert", &Glyphs::invert).doc("strokes bright on black, rather than dark on white");
  spec.param("test_alphabets", &Glyphs::test_alphabets)
      .min(0)
      .doc("how many alphabets are held out for test");
  spec.param("validation_alphabets", &Glyphs::validation_alphabets)
      .min(0)
      .doc("how many alphabets are held out for validation");
  spec.param("split", &Glyphs::split)
      .doc(
          "what is held out instead of these alphabets: classes, alphabets (by = \"group\") or hands (by = "
          "\"maker\", 0 to samples - 1)");
  spec.output("train", &Glyphs::train).doc("what is not held out");
  spec.output("validation", &Glyphs::validation).doc("what is held out for choosing");
  spec.output("test", &Glyphs::test).doc("what is held out for testing");
  spec.output("all", &Glyphs::all).doc("all alphabets");
  spec.image_shape(&Glyphs::image_shape);
  spec.check(&Glyphs::check);
}

void Glyphs::check(const Checking& checking) const {
  if (classes % classes_per_alphabet != 0)
    checking.error("classes", fmt::format("{} classes do not make whole alphabets of {}", classes,
                                          classes_per_alphabet));
  else if (!split.holds_out() &&
           (test_alphabets >= alphabets() || validation_alphabets >= alphabets() - test_alphabets))
    checking.error(
        "test_alphabets",
        fmt::format("holding out {} alphabets for test and {} for validation leaves none of {} to train on",
                    test_alphabets, validation_alphabets, alphabets()));
  const double gib = static_cast<double>(classes * samples * size * size) / (1 << 30);
  if (gib > most_gib)
    checking.error("classes", fmt::format("{} classes of {} samples would take {:.0f} GiB, more than {:.0f}",
                                          classes, samples, gib, most_gib));
}

void Glyphs::count_memory(MemoryNeed& need) {
  need.hold(fmt::format("{} images", classes * samples), static_cast<double>(classes * samples * size * size),
            "fewer or smaller images");
}

void Glyphs::open() {
  cv::setNumThreads(0);  // the arena owns the cores
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = size;
  store->pixels.resize(classes * samples * store->image_size());
  tbb::parallel_for(std::size_t{0}, alphabets(), [&](std::size_t alphabet) {
    draw_alphabet(alphabet, &store->pixels[alphabet * classes_per_alphabet * samples * store->image_size()]);
  });

  all_.group_word = "alphabet";
  all_.store = std::move(store);
  for (std::size_t alphabet = 0; alphabet < alphabets(); ++alphabet) {
    all_.groups.push_back(fmt::format("alphabet{:02}", alphabet + 1));
    for (std::size_t i = 0; i < classes_per_alphabet; ++i) {
      Dataset::Class one{fmt::format("character{:02}", i + 1), alphabet, std::vector<std::size_t>(samples)};
      std::iota(one.images.begin(), one.images.end(), all_.classes.size() * samples);
      all_.classes.push_back(std::move(one));
      for (std::size_t sample = 0; sample < samples; ++sample)
        all_.drawers.push_back(static_cast<std::int32_t>(sample));
    }
  }
  all_.description = summary("generated glyphs", all_);
}

void Glyphs::draw_alphabet(std::size_t alphabet, std::uint8_t* to) const {
  Random style_random = random({.epoch = alphabet}, "style"),
         glyph_random = random({.epoch = alphabet}, "characters");
  const AlphabetStyle style = draw_style(style_random);
  const std::vector<Glyph> glyphs = invent_alphabet(style, classes_per_alphabet, glyph_random);
  std::vector<Hand> hands;
  for (std::size_t sample = 0; sample < samples; ++sample) {
    Random hand_random = random({.epoch = alphabet, .index = sample}, "hand");
    hands.push_back(draw_hand(style.pen, hand_random));
  }
  tbb::parallel_for(std::size_t{0}, classes_per_alphabet * samples, [&](std::size_t i) {
    throw_if_interrupted();
    const std::size_t character = i / samples, sample = i % samples;
    Random drawing_random = random({.epoch = alphabet, .index = character << 32 | sample}, "drawing");
    std::array<std::uint8_t, PictureForm::drawn * PictureForm::drawn> paper;
    ink(draw(glyphs[character], hands[sample], drawing_random), hands[sample].pen, PictureForm::drawn,
        paper.data());
    store_picture(paper.data(), {size, invert}, to + i * size * size);
  });
}

Dataset Glyphs::part(std::size_t from, std::size_t to, const std::string& what) const {
  std::vector<std::size_t> groups(to - from);
  std::iota(groups.begin(), groups.end(), from);
  return part_of(all_, groups, "generated glyphs, " + what);
}

Dataset Glyphs::train() {
  if (split.holds_out()) return split_part(all_, split, Part::train, "generated glyphs");
  return part(0, alphabets() - test_alphabets - validation_alphabets, "for training");
}

Dataset Glyphs::validation() {
  if (split.holds_out()) return split_part(all_, split, Part::validation, "generated glyphs");
  if (validation_alphabets == 0) throw Error("the output 'validation' is empty: validation_alphabets is 0");
  const std::size_t to = alphabets() - test_alphabets;
  return part(to - validation_alphabets, to, "for validation");
}

Dataset Glyphs::test() {
  if (split.holds_out()) return split_part(all_, split, Part::test, "generated glyphs");
  if (test_alphabets == 0) throw Error("the output 'test' is empty: test_alphabets is 0");
  return part(alphabets() - test_alphabets, alphabets(), "for testing");
}

TWINFLOW_NODE("data.glyphs", Glyphs)

}  // namespace twinflow::data
