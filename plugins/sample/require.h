#pragma once

#include <cstddef>
#include <string>

#include "twinflow/dataset.h"

namespace twinflow::sample {

/// What a sampler needs of its data set, checked before the stream starts. Each throws Error, naming the data
/// set.

/// "the data set 'omniglot'", to begin a sentence with.
std::string name_of(const Dataset& data);

/// Enough classes. `turns`: how many classes each class counts for. `need`: in words, where `count` comes
/// from.
void require_classes(const Dataset& data, std::size_t count, std::size_t turns, const std::string& need);

/// Enough images in every class; names the first class that has not.
void require_images(const Dataset& data, std::size_t count, const std::string& need);

/// No group of a single class; names the first one.
void require_company(const Dataset& data, const std::string& need);

/// As high as wide: a quarter turn keeps the size.
void require_square(const Dataset& data, const std::string& need);

}  // namespace twinflow::sample
