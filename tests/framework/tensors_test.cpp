#include "twinflow/tensors.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "program.h"
#include "twinflow/error.h"

using namespace twinflow;

namespace {

std::string file_text(const std::string& header, const std::string& body) {
  const std::uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), sizeof length);
  return text + header + body;
}

NamedTensors example() {
  NamedTensors named;
  named.tensors["b"] = {{2, 3}, {1, 2, 3, 4, 5, 6}};
  named.tensors["a"] = {{}, {-0.5f}};
  named.tensors["empty"] = {{0, 4}, {}};
  named.metadata["network"] = "a \"quoted\" text\nand a line";
  return named;
}

}  // namespace

TEST_CASE("what is written reads back the same") {
  const TempFolder temp;
  const auto file = temp.path / "x.safetensors";
  write_safetensors(file, example());
  const NamedTensors back = read_safetensors(file);
  CHECK(back.metadata == example().metadata);
  REQUIRE(back.tensors.size() == 3);
  CHECK(back.tensors.at("b").shape == std::vector<std::int64_t>{2, 3});
  CHECK(back.tensors.at("b").values == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(back.tensors.at("a").shape.empty());
  CHECK(back.tensors.at("a").values == std::vector<float>{-0.5f});
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path), {}) == 1);  // no temporary file stays
}

TEST_CASE("the bytes are those of the format") {
  const TempFolder temp;
  NamedTensors named;
  named.tensors["t"] = {{2}, {1.0f, -2.0f}};
  write_safetensors(temp.path / "x", named);
  const std::string text = read_file(temp.path / "x");
  const std::string header = R"({"t":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}})";
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), 8);
  CHECK(length % 8 == 0);
  CHECK(text.substr(8, header.size()) == header);
  CHECK(text.substr(8 + length) == std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8));
}

TEST_CASE("every rule that is broken is named") {
  const TempFolder temp;
  auto refusal = [&](const std::string& content) {
    const auto file = temp.write("bad", content);
    try {
      read_safetensors(file);
      return std::string("accepted");
    } catch (const Error& error) {
      const std::string text = error.what(),
                        start = "'" + file.string() + "' is not a good safetensors file: ";
      REQUIRE(text.starts_with(start));
      return text.substr(start.size());
    }
  };
  const std::string f8(8, '\0');
  CHECK(refusal("abc") == "it is shorter than its first field");
  CHECK(refusal(std::string(8, '\xff') + "{}") ==
        "its header has 18446744073709551615 bytes, more than the 100000000 that the format allows");
  CHECK(refusal(std::string("\x03\0\0\0\0\0\0\0{}", 10)) == "its header is longer than the file");
  CHECK(refusal(file_text("", "")) == "its header does not begin with {");
  CHECK(refusal(file_text("[1]", "")) == "its header does not begin with {");
  CHECK(refusal(file_text(" {}", "")) == "its header does not begin with {");
  CHECK(refusal(file_text("\xef\xbb\xbf{}", "")) == "its header does not begin with {");
  CHECK(refusal(file_text("{}\n", "")) == "its header ends in other than spaces");
  CHECK(refusal(file_text("{} {}", "")) == "its header is not a JSON object");
  CHECK(refusal(file_text("{\"\xff\":1}", "")) == "its header is not a JSON object");
  CHECK(refusal(file_text("{", "")) == "its header is not a JSON object");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[2]}})", f8)) ==
        "tensor 't' does not have exactly dtype, shape and data_offsets");
  CHECK(refusal(file_text(R"({"t":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", f8)) ==
        "tensor 't' is of type \"I64\", not F32, F64, F16 or BF16");
  CHECK(refusal(file_text(R"({"t":{"dtype":7,"shape":[1],"data_offsets":[0,8]}})", f8)) ==
        "tensor 't' is of type 7, not F32, F64, F16 or BF16");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", f8)) ==
        "tensor 't' has a shape or offsets that are not lists of whole numbers");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}})", f8)) ==
        "tensor 't' lies outside the file");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", f8)) ==
        "tensor 't' has 8 bytes, which is not what its shape says");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})",
                          f8)) == "tensor 't' has 8 bytes, which is not what its shape says");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", f8)) ==
        "there is a gap or an overlap before tensor 't'");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", f8)) ==
        "there are bytes behind the last tensor");
  CHECK(
      refusal(file_text(
          R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          f8)) == "its header gives a name twice");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,8]}})", f8)) ==
        "its header gives a name twice");
  CHECK(refusal(file_text(R"({"__metadata__":{"a":"b","a":"c"}})", "")) == "its header gives a name twice");
  CHECK(refusal(file_text(R"({"t":7})", "")) ==
        "tensor 't' does not have exactly dtype, shape and data_offsets");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}})", f8)) ==
        "tensor 't' does not have exactly dtype, shape and data_offsets");
  const std::string lists = "tensor 't' has a shape or offsets that are not lists of whole numbers";
  for (const char* shape : {"2", "[2.0]", "[\"2\"]", "[[2]]", "[99999999999999999999]"})
    CHECK(refusal(file_text(
              R"({"t":{"dtype":"F32","data_offsets":[0,8],"shape":)" + std::string(shape) + "}}", f8)) ==
          lists);
  for (const char* offsets : {"8", "[8]", "[0,8,8]", "[0,8.0]", "[-0,8]"})
    CHECK(refusal(file_text(
              R"({"t":{"dtype":"F32","shape":[2],"data_offsets":)" + std::string(offsets) + "}}", f8)) ==
          lists);
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", f8)) ==
        "tensor 't' lies outside the file");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F64","shape":[1],"data_offsets":[0,7]}})", f8)) ==
        "tensor 't' has 7 bytes, which is not what its shape says");
  // The product overflows, though a 0 follows.
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[9223372036854775807,4,0],"data_offsets":[0,0]}})",
                          "")) == "tensor 't' has 0 bytes, which is not what its shape says");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}})",
                          "")) == "tensor 't' has 0 bytes, which is not what its shape says");
  const std::string two = R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)";
  CHECK(refusal(file_text(two + R"("u":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", f8)) ==
        "there is a gap or an overlap before tensor 'u'");
  CHECK(refusal(file_text(two + R"("u":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})", f8)) ==
        "there is a gap or an overlap before tensor 'u'");
  CHECK(refusal(file_text(R"({"\u001b[2J\n":7})", "")) ==
        "tensor '\\u001b[2J\\u000a' does not have exactly dtype, shape and data_offsets");
  CHECK(refusal(file_text("{\"" + std::string(99, 'n') + "\u00e9\":7}", "")) ==
        "tensor '" + std::string(99, 'n') + "...' does not have exactly dtype, shape and data_offsets");
  CHECK(refusal(file_text(R"({"__metadata__":[]})", "")) == "its __metadata__ is not an object");
  CHECK(refusal(file_text(R"({"__metadata__":{"a":1}})", "")) == "its metadata 'a' is not a text");
  CHECK_THROWS_WITH_AS(read_safetensors(temp.path / "none"),
                       ("cannot open '" + (temp.path / "none").string() + "'").c_str(), Error);
}

TEST_CASE("what the format allows is read") {
  const TempFolder temp;
  const auto read = [&](const std::string& header, const std::string& body) {
    return read_safetensors(temp.write("good", file_text(header, body)));
  };
  CHECK(read("{}", "").tensors.empty());
  CHECK(read("{}   ", "").metadata.empty());
  // Scalars, tensors of no size anywhere and of any, names of any text, any order, no alignment.
  const NamedTensors odd = read(
      R"({"":{"dtype":"F32","shape":[],"data_offsets":[2,6]},"a/\u0000\u00e9":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},)"
      R"("none":{"dtype":"F32","shape":[4294967296,0,3],"data_offsets":[2,2]},"end":{"dtype":"F64","shape":[0],"data_offsets":[6,6]}})",
      std::string("\x80\x3f\0\0\x80\xbf", 6));
  REQUIRE(odd.tensors.size() == 4);
  CHECK(odd.tensors.at("").values == std::vector<float>{-1});
  CHECK(odd.tensors.at(std::string("a/\0\xc3\xa9", 5)).values == std::vector<float>{1});
  CHECK(odd.tensors.at("none").shape == std::vector<std::int64_t>{4294967296, 0, 3});
  // What is not a number is a value like any other.
  const float value = read(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "\x01\x02\xff\xff")
                          .tensors.at("t")
                          .values[0];
  CHECK(std::bit_cast<std::uint32_t>(value) == 0xffff0201);
}

TEST_CASE("F64, F16 and BF16 become f32") {
  const TempFolder temp;
  const auto read = [&](const std::string& type, auto stored) {
    const std::string header = fmt::format(R"({{"t":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})",
                                           type, stored.size(), stored.size() * sizeof stored[0]);
    const std::string body(reinterpret_cast<const char*>(stored.data()), stored.size() * sizeof stored[0]);
    return read_safetensors(temp.write("typed", file_text(header, body))).tensors.at("t").values;
  };
  using Halves = std::vector<std::uint16_t>;
  const float infinite = std::numeric_limits<float>::infinity();
  CHECK(read("F64", std::vector<double>{0.1, -3, 1e-300, 1e300}) ==
        std::vector<float>{0.1f, -3, 0, infinite});
  CHECK(read("BF16", Halves{0x3f80, 0xc049, 0x0001, 0x7f80}) ==
        std::vector<float>{1, -3.140625f, 0x1p-133f, infinite});
  // 1, -2, the largest, the smallest normal, the largest and smallest subnormal, zeros, infinities
  CHECK(read("F16", Halves{0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x8001, 0x0000, 0x7c00, 0xfc00}) ==
        std::vector<float>{1, -2, 65504, 0x1p-14f, 0x1.ff8p-15f, -0x1p-24f, 0, infinite, -infinite});
  CHECK(std::signbit(read("F16", Halves{0x8000})[0]));
  CHECK(std::isnan(read("F16", Halves{0x7e00})[0]));
  Halves many(100'000, 0x3c00);  // more than are converted at once
  many.back() = 0x4000;
  const std::vector<float> all = read("F16", many);
  CHECK(std::count(all.begin(), all.end(), 1.0f) == 99'999);
  CHECK(all.back() == 2);
}

TEST_CASE("a reader that knows only the format's description reads what was written") {
  const TempFolder temp;
  write_safetensors(temp.path / "x", example());
  const Finished python =
      Process(temp, "/usr/bin/python3",
              {TWINFLOW_SOURCE_DIR "/tests/framework/read_safetensors.py", (temp.path / "x").string()})
          .wait();
  if (python.exit_code == 127) {
    MESSAGE("skipped: there is no /usr/bin/python3");
    return;
  }
  CHECK(python.errors == "");
  CHECK(python.output ==
        "metadata {'network': 'a \"quoted\" text\\nand a line'}\n"
        "a [] [-0.5]\nb [2, 3] [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]\nempty [0, 4] []\n");
}

TEST_CASE("the longest header that is written is the longest that is read") {
  const TempFolder temp;
  const auto file = temp.path / "x";
  NamedTensors named;
  std::string& text = named.metadata["t"];
  text.assign(100'000'000 - std::string(R"({"__metadata__":{"t":""}})").size(), 'x');
  write_safetensors(file, named);
  CHECK((read_safetensors(file).metadata == named.metadata));  // not printed where it fails
  text += 'x';
  CHECK_THROWS_WITH_AS(write_safetensors(file, named),
                       ("cannot write '" + file.string() +
                        "': its header has 100000008 bytes, more than the 100000000 that the format allows")
                           .c_str(),
                       Error);
  text.pop_back();
  CHECK((read_safetensors(file).metadata == named.metadata));  // the file that was there stays
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path), {}) == 1);
}

TEST_CASE("a folder that cannot be written leaves the old file and no debris") {
  const TempFolder temp;
  NamedTensors wrong;
  wrong.tensors["t"] = {{3}, {1}};
  CHECK_THROWS_WITH_AS(write_safetensors(temp.path / "x", wrong),
                       "tensor 't' has 1 values, which is not what its shape says", Error);
  wrong.tensors = {{"__metadata__", {{1}, {1}}}};
  CHECK_THROWS_WITH_AS(write_safetensors(temp.path / "x", wrong), "a tensor cannot be called '__metadata__'",
                       Error);
  wrong.tensors = {{"l\xe9", {{1}, {1}}}};
  CHECK_THROWS_WITH_AS(
      write_safetensors(temp.path / "x", wrong),
      ("cannot write '" + (temp.path / "x").string() + "': the name of a tensor is not UTF-8").c_str(),
      Error);
  CHECK(std::filesystem::is_empty(temp.path));
  CHECK_THROWS_WITH_AS(
      write_safetensors(temp.path / "none/x", example()),
      ("cannot create '" + (temp.path / "none/x").string() + "': No such file or directory").c_str(), Error);
}

TEST_CASE("metadata of bytes that are not UTF-8 are escaped, and their checksum fits what is read") {
  const TempFolder temp;
  NamedTensors named = example();
  named.metadata["classes"] = "gr\xfcn\nrot";
  named.metadata["l\xe9"] = "a";
  named.metadata["checksum"] = checksum(named);
  write_safetensors(temp.path / "x", named);
  NamedTensors read = read_safetensors(temp.path / "x");
  CHECK(read.metadata["classes"] == "gr\\xfcn\nrot");
  CHECK(read.metadata["l\\xe9"] == "a");
  CHECK(read.metadata["checksum"] == checksum(read));
}
