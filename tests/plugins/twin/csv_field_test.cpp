#include "plugins/twin/csv_field.h"

#include <doctest/doctest.h>

using twinflow::twin::csv_field;

TEST_CASE("a field is quoted where it holds what separates fields or lines, its quotes doubled") {
  CHECK(csv_field("") == "");
  CHECK(csv_field("alpha 1") == "alpha 1");
  CHECK(csv_field("be,ta") == "\"be,ta\"");
  CHECK(csv_field("\"B\"") == "\"\"\"B\"\"\"");
  CHECK(csv_field("two\nlines") == "\"two\nlines\"");
  CHECK(csv_field("two\rlines") == "\"two\rlines\"");
}
