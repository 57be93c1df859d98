#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/spec.h"

/// Parts of a data set, which share its pixels.
namespace twinflow::data {

/// The images of `whole` for which `keep(class, image)` holds, in its order. Classes of which none is left,
/// and groups of which no class is left, are left out, and the groups numbered anew.
Dataset part_where(const Dataset& whole, const std::function<bool(std::size_t, std::size_t)>& keep,
                   std::string description);

/// The classes of those groups; `groups` are indices into whole.groups.
Dataset part_of(const Dataset& whole, const std::vector<std::size_t>& groups, std::string description);

/// All groups, 0 .. count-1, that are not in `groups`, in ascending order.
std::vector<std::size_t> others(std::size_t count, const std::vector<std::size_t>& groups);

/// The groups of those names, in ascending order. Throws Error, with the nearest name, when there is none of
/// a name.
std::vector<std::size_t> groups_named(const Dataset& whole, const std::vector<std::string>& names);

/// "omniglot background: 20 alphabets, 640 classes, 12800 images".
std::string summary(const std::string& what, const Dataset& data);

/// The parameter `split` of a data node: whole classes, groups or makers (those of Dataset::drawers) are held
/// out, by name or by chance, so that none can be in two parts. What is not held out is for training. The
/// choice depends on `seed` and on what there is to choose from, not on the run's seed nor on the node: two
/// nodes that read the same files split them alike, and one run can be compared with the next.
struct Split {
  enum class By { classes, groups, makers };
  By by = By::classes;
  double validation = 0, test = 0;  // fractions
  std::vector<std::string> validation_names = {}, test_names = {};
  std::uint64_t seed = 0;

  bool holds_out() const {
    return validation > 0 || test > 0 || !validation_names.empty() || !test_names.empty();
  }
  static void describe(TableSpec<Split>& spec);
  void check(const Checking& checking) const;
};

enum class Part { train, validation, test };

/// One of the three parts. By makers a class keeps the images of that part's makers. `what` names the whole
/// in the description, which says how much the part holds, and of few classes, groups or makers which ones.
/// `makers`: their names, if they have any: drawers are indices into it. Classes are named as in
/// validation_names: "Greek/alpha", or "alpha" where there is but one group. Throws Error when a name is
/// unknown, when nobody knows the makers, and when the part is empty.
Dataset split_part(const Dataset& whole, const Split& split, Part part, const std::string& what,
                   const std::vector<std::string>& makers = {});

}  // namespace twinflow::data
