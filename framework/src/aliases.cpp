#include "aliases.h"

namespace twinflow {

namespace {

struct Alias {
  std::string_view kind, other, ours;
};

constexpr Alias aliases[] = {
    {"distance", "euclidean", "l2"},
    {"distance", "sqeuclidean", "squared_l2"},
    {"distance", "squared_euclidean", "squared_l2"},
    {"distance", "manhattan", "l1"},
    {"distance", "cityblock", "l1"},
    {"initializer", "kaiming", "he"},
    {"initializer", "kaiming_normal", "he"},
    {"initializer", "kaiming_uniform", "he"},
    {"initializer", "xavier", "glorot"},
    {"initializer", "xavier_normal", "glorot"},
    {"initializer", "xavier_uniform", "glorot"},
    {"initializer", "zeros", "constant"},
    {"initializer", "ones", "constant"},
    {"layer", "fully_connected", "dense"},
    {"layer", "silu", "swish"},
    {"loss", "binary_cross_entropy", "bce"},
    {"loss", "binary_crossentropy", "bce"},
    {"optimizer", "momentum", "sgd"},
    {"optimizer", "nesterov", "sgd"},
    {"schedule", "linear", "polynomial"},
    {"schedule", "none", "constant"},
};

}  // namespace

std::string alias_of(std::string_view kind, std::string_view name) {
  for (const Alias& one : aliases)
    if (one.kind == kind && one.other == name) return std::string(one.ours);
  return "";
}

}  // namespace twinflow
