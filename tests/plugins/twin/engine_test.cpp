#include "plugins/twin/engine.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <vector>

using namespace twinflow::twin;

TEST_CASE("oneDNN is put on one thread") {
  one_thread();
  CHECK(omp_get_max_threads() == 1);
}

TEST_CASE("a slot runs a kernel on the memory given") {
  const memory::desc rows({2, 3}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc columns({2, 3}, memory::data_type::f32, memory::format_tag::ba);
  const std::vector<float> in{1, 2, 3, 4, 5, 6};
  std::vector<float> out(6), back(6);
  Slot slot;
  const Kernel kernel = Kernel::reorder(rows, columns);
  CHECK(static_cast<bool>(kernel));
  CHECK_FALSE(static_cast<bool>(Kernel()));
  slot.run(kernel, {{DNNL_ARG_FROM, rows, in.data()}, {DNNL_ARG_TO, columns, out.data()}});
  CHECK(out == std::vector<float>{1, 4, 2, 5, 3, 6});
  convert(columns, out.data(), rows, back.data());
  CHECK(back == in);
}
