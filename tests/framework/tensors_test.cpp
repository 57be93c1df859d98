#include "twinflow/tensors.h"

#include <doctest/doctest.h>

#include <cstring>

#include "temp_folder.h"
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
  CHECK(refusal(std::string(8, '\xff') + "{}") == "its header is longer than the file");
  CHECK(refusal(file_text("[1]", "")) == "its header is not a JSON object");
  CHECK(refusal(file_text("{", "")) == "its header is not a JSON object");
  CHECK(refusal(file_text(R"({"t":{"dtype":"F32","shape":[2]}})", f8)) ==
        "tensor 't' does not have exactly dtype, shape and data_offsets");
  CHECK(refusal(file_text(R"({"t":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", f8)) ==
        "tensor 't' is of type \"I64\", not F32");
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
  CHECK(refusal(file_text(R"({"__metadata__":{"a":1}})", "")) == "its metadata 'a' is not a text");
  CHECK_THROWS_WITH_AS(read_safetensors(temp.path / "none"),
                       ("cannot open '" + (temp.path / "none").string() + "'").c_str(), Error);
}

TEST_CASE("a folder that cannot be written leaves the old file and no debris") {
  const TempFolder temp;
  NamedTensors wrong;
  wrong.tensors["t"] = {{3}, {1}};
  CHECK_THROWS_WITH_AS(write_safetensors(temp.path / "x", wrong),
                       "tensor 't' has 1 values, which is not what its shape says", Error);
  wrong = example();
  wrong.metadata["folder"] = "l\xe9";
  CHECK_THROWS_WITH_AS(
      write_safetensors(temp.path / "x", wrong),
      ("cannot write '" + (temp.path / "x").string() + "': a name or a text in it is not UTF-8").c_str(),
      Error);
  CHECK(std::filesystem::is_empty(temp.path));
  CHECK_THROWS_WITH_AS(
      write_safetensors(temp.path / "none/x", example()),
      ("cannot create '" + (temp.path / "none/x").string() + "': No such file or directory").c_str(), Error);
}
