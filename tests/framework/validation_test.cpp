// What nodes give out is validated before another node sees it, and the node that made it is named.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "framework/run_graph.h"
#include "plugins.h"

namespace {

/// What a run with that node says on standard error, without the lines that show the graph.
std::string error_of(const std::string& nodes) {
  PluginIndex::instance().add(TWINFLOW_BUILD_DIR "/tests/plugins/libplugin_unruly.so");
  const TempFolder temp;
  const Outcome outcome = run_graph("[run]\nepochs = 1\nsteps_per_epoch = 3\n" + nodes, temp);
  CHECK(outcome.code == (outcome.errors.empty() ? finished : failed));
  return outcome.errors.substr(0, outcome.errors.find('\n'));
}

const std::string drop = "[node.drop]\ntype = 'unruly.drop'\nfrom = 'bad'\n";

std::string of_data(const std::string& lie) {
  return error_of(
      fmt::format("[node.bad]\ntype = 'unruly.data'\nlie = '{}'\n[node.use]\ntype = 'unruly.use'\n"
                  "from = 'bad'\n[node.drop]\ntype = 'unruly.drop'\nfrom = 'use'\n",
                  lie));
}
std::string of_source(const std::string& type, const std::string& lie) {
  return error_of(fmt::format("[node.bad]\ntype = '{}'\nlie = '{}'\n{}", type, lie, drop));
}
std::string of_map(const std::string& lie) {
  return error_of(
      fmt::format("[node.good]\ntype = 'unruly.batches'\n[node.bad]\ntype = 'unruly.change'\n"
                  "from = 'good'\nlie = '{}'\n{}",
                  lie, drop));
}
std::string of_answers(const std::string& lie) {
  return error_of(
      fmt::format("[node.batches]\ntype = 'unruly.batches'\n[node.bad]\ntype = 'unruly.answers'\n"
                  "from = 'batches'\nlie = '{}'\n[node.drop]\ntype = 'unruly.drop_answers'\nfrom = 'bad'\n",
                  lie));
}
/// The part of the message that tells what is wrong, or all of it where `start` is not its start.
std::string after(const std::string& start, const std::string& error) {
  return error.find(start) == std::string::npos ? error : error.substr(error.find(start) + start.size());
}

using Lies = std::vector<std::pair<std::string, std::string>>;

const Lies image_lies = {
    {"few images", "it has 2 images from number 0 on, but labels for 4"},
    {"many images", "it has 8 images from number 0 on, but labels for 4"},
    {"few pixels", "it has 15 pixel values for 4 images of 1 x 2 x 2 (channels x height x width)"},
    {"no pixels", "it has 0 pixel values for 4 images of 1 x 2 x 2 (channels x height x width)"},
    {"too large a count",
     "it has 16 pixel values for 4 images of 1 x 9223372036854775808 x 2 (channels x height x width)"},
    {"no height", "it has 16 pixel values for 4 images of 1 x 0 x 2 (channels x height x width)"},
    {"unread without a store", "it names images of a data set, but has no pixel store"},
    {"few shots", "it has 4 unread images, but names 3 of its data set"},
    {"a shot beyond", "it names image 4 of a data set of 4"},
    {"turned too far", "image 3 of 2 x 2 pixels cannot be turned by 4 quarters"},
    {"unlike its store", "its images are 1 x 2 x 3, but those of their data set 1 x 2 x 2"},
    {"a store that cannot decode", "1 of its images are to be decoded, but it has no function 'decode'"}};

}  // namespace

TEST_CASE("a data set that contradicts itself ends the run, naming the node that made it") {
  CHECK(of_data("none") == "");
  const Lies lies = {
      {"no groups", "class 1 ('a') is of group 1, but there are 0"},
      {"a group beyond", "class 2 ('b') is of group 78, but there are 1"},
      {"an image beyond", "class 2 ('b') names image 4, but there are 4"},
      {"an empty class", "class 3 ('c') has no image"},
      {"a name twice", "class 2 ('a') has the name of another class of its group"},
      {"no store", "it has no pixel store"},
      {"half an image", "its 14 bytes of pixels are not a whole number of images of 1 x 2 x 2"},
      {"no size", "its images have no pixels: they are 1 x 0 x 2 (channels x height x width)"},
      {"nothing decodes", "3 of its images are to be decoded, but it has no function 'decode'"},
      {"few drawers", "it has 2 drawers for 4 images: one each, or none at all"},
      {"many names", "it has 5 names for 4 images: one each, or none at all"},
      {"a pair beyond", "pair 2 names image 4, but there are 4"},
      {"no support", "task 2 has no support images"},
      {"no queries", "task 2 has no queries"},
      {"few ways", "task 2 has 2 support images, but 1 ways"},
      {"few answers", "task 2 has 2 queries, but 1 answers"},
      {"a support beyond", "task 2 names image 4, but there are 4"},
      {"a query beyond", "task 2 names image 6, but there are 4"},
      {"a negative way", "task 2 has a negative way"},
      {"a way left out", "task 2 has no support image of way 1"},
      {"an answer beyond", "task 2 has the answer 2, but 2 ways"}};
  for (const auto& [lie, what] : lies) {
    CAPTURE(lie);
    CHECK(after("error: node 'bad' (unruly.data): what it gives out on 'all' (dataset) is invalid: ",
                of_data(lie)) == what);
  }
}

TEST_CASE("a batch that contradicts itself ends the run, naming the source or map that gave it out") {
  Lies of_classes = image_lies;
  of_classes.insert(of_classes.end(),
                    {{"few classes", "it has 4 images from number 0 on, but labels for 3"},
                     {"many classes", "it has 4 images from number 0 on, but labels for 300"},
                     {"a negative class", "it has the class id -5, which is negative"},
                     {"a class beyond", "it has the class id 2, but 2 classes"},
                     {"later images", "it has 4 images from number 7 on, but labels for 4"},
                     {"empty", "it is empty"}});
  Lies of_pairs = image_lies;
  of_pairs.insert(of_pairs.end(), {{"few labels", "it has 4 images from number 0 on, but labels for 2"},
                                   {"a label beyond", "it has the label 2, not 0 or 1"},
                                   {"an odd label of same", "its label of 'same' is 9, not 0 or 1"}});
  CHECK(of_map("none") == "");
  CHECK(of_source("unruly.pairs", "none") == "");
  for (const auto& [lie, what] : of_classes) {
    CAPTURE(lie);
    const std::string start = "what it gives out (image batch) is invalid: ";
    CHECK(after("error: node 'bad' (unruly.batches): " + start, of_source("unruly.batches", lie)) == what);
    CHECK(after("error: node 'bad' (unruly.change): " + start, of_map(lie)) == what);
  }
  for (const auto& [lie, what] : of_pairs) {
    CAPTURE(lie);
    CHECK(after("error: node 'bad' (unruly.pairs): what it gives out (pair batch) is invalid: ",
                of_source("unruly.pairs", lie)) == what);
  }
}

TEST_CASE("what a stateful node emits is validated, and its output named") {
  CHECK(of_answers("none") == "");
  for (const auto& [lie, what] : Lies{{"no store", "it has answers, but no pixel store"},
                                      {"a query beyond", "an answer names image 4, but there are 4"},
                                      {"an image beyond", "an answer names image 9, but there are 4"}}) {
    CAPTURE(lie);
    CHECK(
        after("error: node 'bad' (unruly.answers): what it gives out on 'wrong' (wrong answers) is invalid: ",
              of_answers(lie)) == what);
  }
}

TEST_CASE("a share of a batch may have fewer images than the batch has labels") {
  ImageBatch batch{Images(4, 1, 2, 2), {0, 0, 1, 1}, 2};
  for (int rank = 0; rank < 8; ++rank) {  // of 0 or 1 image
    ImageBatch share = batch;
    take_share(share, rank, 8);
    share.validate();
  }
}
