#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace twinflow {

class Folder;  // twinflow/folder.h

/// A dense array, row-major.
struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// What a model or a node's state is outside the program: named arrays and named texts.
struct NamedTensors {
  static constexpr const char* port_type = "tensors";
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// XXH64 over everything but the text "checksum", as 16 hexadecimal digits: names, texts, shapes and values,
/// with their lengths, so that nothing can move from one name to another.
std::string checksum(const NamedTensors& tensors);

/// Writes a safetensors file (u64 little-endian header length, JSON header, row-major little-endian buffer
/// without gaps; `__metadata__` maps texts to texts). JSON is UTF-8: of a name or a text that is not, each
/// foreign byte is escaped, as "\xe4" (shown_lines(), twinflow/text.h). Atomic: a temporary file beside it,
/// fsync, rename, fsync of the folder, so that a reader sees the old file or the new one whole. Throws Error
/// naming the file; then nothing is left behind.
void write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors);
/// The same in a folder that is held open.
void write_safetensors(const Folder& folder, const std::string& name, const NamedTensors& tensors);

/// Reads a safetensors file of F32 tensors, or of F64, F16 and BF16 ones, which become f32, and checks every
/// rule of the format: header length, JSON, names given twice, unknown types, offsets that overlap, leave
/// gaps or do not fit shape or file. Values may be any, NaN included. Throws Error naming the file and the
/// rule broken.
NamedTensors read_safetensors(const std::filesystem::path& file);

}  // namespace twinflow
