#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("constant is 1 throughout, and beyond") {
  check_schedule("constant");
  CHECK(component<Schedule>("type = \"constant\"")->factor({1000, 10}) == 1.0);
}
