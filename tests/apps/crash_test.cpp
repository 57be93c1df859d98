// A crash in a plugin ends the process, but the node is named. What a plugin throws while a graph is checked
// is an error of the graph.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>

#include "contains.h"
#include "program.h"

namespace {

const std::string library = TWINFLOW_BUILD_DIR "/tests/plugins/libplugin_crashing.so";

std::string graph_with(const std::string& parameters) {
  return fmt::format(
      "[run]\nepochs = 1\nsteps_per_epoch = 20\nplugins = ['{}']\n[node.make]\ntype = 'crashing.make'\n"
      "[node.bad]\ntype = 'crashing.pass'\nfrom = 'make'\n{}",
      library, parameters);
}

Finished run(const std::string& where, const std::string& how) {
  const TempFolder temp;
  temp.write("graph.toml", graph_with(fmt::format("where = '{}'\nhow = '{}'\n", where, how)));
  return flowrun(temp, {"graph.toml", "--output", "run", "--quiet", "--threads", "2"});
}

const std::string in_bad = "node 'bad' (crashing.pass, of '" + library + "')";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // the sanitizer reports crashes
#else
constexpr bool sanitized = false;
#endif

}  // namespace

TEST_CASE("a crash names the node, its type, its library and the item, and ends the process by its signal" *
          doctest::skip(sanitized)) {
  for (const auto& [how, signal, name] :
       {std::tuple("segv", SIGSEGV, "SIGSEGV (invalid memory access)"),
        std::tuple("fpe", SIGFPE, "SIGFPE (integer division by zero)"),
        std::tuple("abort", SIGABRT, "SIGABRT (abort, mostly because nobody caught an exception)"),
        std::tuple("stack", SIGSEGV, "SIGSEGV (invalid memory access)")}) {
    CAPTURE(how);
    const Finished crashed = run("process", how);
    CHECK(crashed.signal == signal);
    CHECK(contains(crashed.errors,
                   fmt::format("error: the process ends by {} in {}, item 6 of epoch 1\n", name, in_bad)));
    CHECK(contains(
        crashed.errors,
        "note: the state saved last is 'run/state.safetensors'; flowrun --resume continues from it\n"));
  }
}

TEST_CASE("a crash outside of the stream, or in what a node gave to the writing thread, names the node" *
          doctest::skip(sanitized)) {
  for (const std::string where : {"open", "save", "close", "later"}) {
    CAPTURE(where);
    const Finished crashed = run(where, "segv");
    CHECK(crashed.signal == SIGSEGV);
    CHECK(contains(crashed.errors, " in " + in_bad));
  }
}

TEST_CASE("a crash in another thread names the calls into nodes that were under way" *
          doctest::skip(sanitized)) {
  const Finished thrown = run("process", "thread");
  CHECK(thrown.signal == SIGABRT);
  CHECK(contains(thrown.errors, "out of apples"));
  CHECK(contains(
      thrown.errors,
      "error: the process ends by SIGABRT (abort, mostly because nobody caught an exception) outside of "
      "the calls into nodes, perhaps in a thread that a node or a library has started\nat that time "
      "in " +
          in_bad + ", item 6 of epoch 1\n"));
  const Finished loop = run("process", "loop");  // in this thread or in one that helps it
  CHECK(loop.signal == SIGSEGV);
  CHECK(contains(loop.errors, " in " + in_bad + ", item 6 of epoch 1\n"));
}

TEST_CASE("a plugin that exits has failed, whatever code it gives") {
  for (const std::string where : {"open", "process", "save"}) {
    CAPTURE(where);
    const Finished left = run(where, "exit");
    CHECK(left.exit_code == 1);
    CHECK(contains(left.errors, "error: exit() was called in " + in_bad));
  }
}

TEST_CASE("what a plugin throws while a graph is checked is an error at its line, exit code 2") {
  const TempFolder temp;
  const auto check = [&](const std::string& graph, const std::vector<std::string>& environment = {}) {
    temp.write("graph.toml", graph);
    std::vector<std::string> words = environment;
    words.insert(words.end(), {TWINFLOW_BUILD_DIR "/bin/flowrun", "graph.toml", "--check"});
    return Process(temp, "/usr/bin/env", words).wait();
  };
  CHECK(check(graph_with("")).exit_code == 0);

  const Finished checked = check(graph_with("where = 'check'\nhow = 'throws'\n"));
  CHECK(checked.exit_code == 2);
  CHECK(contains(checked.errors, "graph.toml:7:1: error: " + in_bad + ": out of pears\n"));

  const Finished part = check(graph_with("part = { type = 'plain', how = 'throws' }\n"));
  CHECK(part.exit_code == 2);
  CHECK(contains(part.errors, "graph.toml:10:8: error: part 'plain' (of '" + library + "'): out of pears\n"));

  const Finished made = check(graph_with(""), {"CRASHING_CONSTRUCTOR=throws"});
  CHECK(made.exit_code == 2);
  CHECK(contains(made.errors, "graph.toml:8:8: error: node 'crashing.pass' (of '" + library +
                                  "') cannot be made: out of pears\n"));

  const Finished initialised =
      check("[run]\nplugins = ['" TWINFLOW_BUILD_DIR
            "/tests/plugins/libplugin_static_throw.so']\n[node.one]\ntype = 'static_throw.nothing'\n");
  CHECK(initialised.exit_code == 2);
  CHECK(contains(initialised.errors, "graph.toml:4:8: error: the plugin '" TWINFLOW_BUILD_DIR
                                     "/tests/plugins/libplugin_static_throw.so' cannot be loaded: a static "
                                     "initialiser failed: the table is missing\n"));
}
