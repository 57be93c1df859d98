// One walk over every type there is.

#include "registry.h"

#include <doctest/doctest.h>

#include "plugins.h"

using namespace twinflow;

TEST_CASE(
    "every shipped type describes itself, by example too, has documented parameters and refuses others") {
  PluginIndex::instance().load_all();
  CHECK(PluginIndex::instance().refused().empty());
  const auto types = Registry::instance().loaded();
  CHECK(types.size() >= 25);
  for (const TypeInfo* info : types) {
    CAPTURE(info->kind);
    CAPTURE(info->type);
    CHECK(info->summary.ends_with(info->summary.find('?') == std::string::npos ? "." : "?"));
    CHECK(info->example.find('"' + info->type + '"') != std::string::npos);
    const std::shared_ptr<void> object = info->make();
    REQUIRE(object);
    for (const ParamInfo& param : info->params) {
      CAPTURE(param.key);
      CHECK(!param.doc.empty());
      CHECK(!param.shape.text().empty());
    }
    Problems problems;
    const Value table{Value::Table{{"no_such_parameter", {}, {true, {}}}}, {}};
    bind_parameters(*info, object.get(), table, {}, {}, problems);
    REQUIRE(!problems.empty());
    CHECK(problems.list()[0].message.find("has no parameter 'no_such_parameter'") != std::string::npos);
  }
}
