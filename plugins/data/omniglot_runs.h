#pragma once

#include "collection.h"
#include "picture.h"
#include "twinflow/dataset.h"

namespace twinflow::data {

/// Omniglot's official one-shot runs, from files runNN/training/classXX.png, runNN/test/itemXX.png and
/// runNN/class_labels.txt, whose lines read "run01/test/item01.png run01/training/class08.png": the first
/// shows the character of the second. Groups are the runs, classes the training images, one image each; the
/// test images belong to no class. Task i is run i: its training images in order of name, each a way of its
/// own, and its test images in the order of the lines. Who drew them is not known. Throws Error, naming
/// collection, file and line, for a damaged image, a file that does not fit this layout, a line that is
/// malformed or names a missing image or a test image twice, and a test image that no line names.
Dataset read_omniglot_runs(const Collection& collection, const PictureForm& form);

}  // namespace twinflow::data
