#pragma once

#include <cstddef>
#include <string>

#include "class_choice.h"
#include "twinflow/dataset.h"

namespace twinflow::sample {

/// What a sampler needs of its data set, checked before the stream starts. Each throws Error, naming the data
/// set. `need`: in words, where `count` comes from.

/// Enough classes to draw from.
void require_classes(const Dataset& data, const ClassChoice& choice, std::size_t count,
                     const std::string& need);

/// Enough images in every class that is drawn from; names the first class that has not.
void require_images(const Dataset& data, const ClassChoice& choice, std::size_t count,
                    const std::string& need);

/// No group of a single class to draw from; names the first one.
void require_company(const Dataset& data, const ClassChoice& choice, const std::string& need);

/// As high as wide: a quarter turn keeps the size.
void require_square(const Dataset& data, const std::string& need);

/// "the data set 'omniglot background'": for sentences.
std::string name_of(const Dataset& data);

}  // namespace twinflow::sample
