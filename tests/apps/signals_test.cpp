// Signals from a process's first moment to its last, terminals that do not read, and descriptors that are
// closed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "contains.h"
#include "program.h"

namespace {

using std::chrono::milliseconds;

/// Items that take `pause` seconds, of a node that may hang.
std::string counting(const std::string& where, double pause = 0.0, int epochs = 1'000'000) {
  return fmt::format(R"([run]
plugins = ["{}/tests/plugins/libplugin_hanging.so"]
epochs = {}
steps_per_epoch = 10

[node.count]
type = "hanging.source"
where = "{}"
pause = {}

[node.seen]
type = "hanging.sink"
from = "count"
)",
                     TWINFLOW_BUILD_DIR, epochs, where, pause);
}

/// False after a minute.
bool wait_until(const std::function<bool()>& true_now) {
  for (int i = 0; i < 12'000; ++i) {
    if (true_now()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

bool has_ended(const Process& program) {
  siginfo_t ended{};
  return waitid(P_PID, static_cast<id_t>(program.process), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         ended.si_pid != 0;
}

/// As Process::wait(), but a process that does not end within a minute is killed: signal is SIGKILL then.
Finished wait_a_minute(const Process& program) {
  if (!wait_until([&] { return has_ended(program); })) kill(program.process, SIGKILL);
  return program.wait();
}

std::size_t lines_in(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Whether the process takes SIGTERM by now, rather than being ended by it.
bool is_guarded(const Process& program) {
  std::ifstream status(fmt::format("/proc/{}/status", program.process));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigCgt:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
  return false;
}

std::string shell(const std::string& arguments) { return TWINFLOW_BUILD_DIR "/bin/flowrun " + arguments; }

}  // namespace

TEST_CASE("a signal is confirmed by a line, on the terminal and in log.txt") {
  for (const int signal : {SIGTERM, SIGUSR2, SIGXCPU}) {
    const TempFolder temp;
    temp.write("graph.toml", counting("nowhere", 0.01));
    const Process program(temp, "flowrun", {"graph.toml", "--output", "run"});
    REQUIRE(wait_until([&] { return lines_in(temp.path / "run/metrics.jsonl") > 3; }));
    kill(program.process, signal);
    const Finished run = wait_a_minute(program);
    CHECK(run.exit_code == 3);
    const std::string line =
        std::string("SIG") + sigabbrev_np(signal) +
        ": finishing the items in flight, then saving the state; a second Ctrl-C ends at once\n";
    CHECK(contains(run.output, line));
    CHECK(contains(read_file(temp.path / "run/log.txt"), line));
  }
}

TEST_CASE("a signal while nodes open ends the run, whatever they are at") {
  const TempFolder temp;
  temp.write("glyphs.toml", R"([node.glyphs]
type = "data.glyphs"
classes = 100000
samples = 20
size = 8
test_alphabets = 0
validation_alphabets = 0

[node.batches]
type = "sample.classes"
from = "glyphs.train"
samples_per_class = 2

[node.twin]
type = "twin.train"
from = "batches"
layer = ["flatten", { type = "dense", units = 2 }]
)");
  temp.write("tasks.toml", R"([node.glyphs]
type = "data.glyphs"
classes = 40
classes_per_alphabet = 20
samples = 4
size = 8
test_alphabets = 1
validation_alphabets = 0

[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 4
samples_per_class = 2

[node.twin]
type = "twin.train"
from = "batches"
layer = ["flatten", { type = "dense", units = 2 }]

[node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.test" }
ways = 2
trials = 10000000
)");
  temp.write("hanging.toml", counting("open"));
  for (const char* graph : {"glyphs.toml", "tasks.toml", "hanging.toml"}) {
    CAPTURE(graph);
    const Process program(temp, "flowrun", {graph, "--output", "run"});
    REQUIRE(wait_until([&] { return is_guarded(program); }));
    std::this_thread::sleep_for(milliseconds(300));  // until nodes open: before that, it ends as well
    kill(program.process, SIGTERM);
    const Finished run = wait_a_minute(program);
    CHECK(run.exit_code == 3);
    if (std::string(graph) == "hanging.toml")
      CHECK(run.errors == "SIGTERM: the process ends now, while nodes are being opened; nothing was saved\n");
    else
      CHECK(contains(run.output, "SIGTERM: the run ends before it begins"));
    CHECK(!std::filesystem::exists(temp.path / "run"));
  }
}

TEST_CASE("what does not return is ended within the grace, with the state saved last") {
  for (const char* where : {"make", "write"}) {
    CAPTURE(where);
    const TempFolder temp;
    temp.write("graph.toml", counting(where, 0.01));
    const Process program(temp, "flowrun", {"graph.toml", "--output", "run", "--grace", "1"});
    REQUIRE(wait_until([&] { return lines_in(temp.path / "run/metrics.jsonl") >= 5; }));
    std::this_thread::sleep_for(milliseconds(200));  // until it hangs
    kill(program.process, SIGTERM);
    const Finished run = wait_a_minute(program);
    CHECK(run.exit_code == 3);
    CHECK(run.errors ==
          "SIGTERM: the run did not come to its end within --grace = 1 s: the process ends now; the state "
          "saved last is 'run/state.safetensors': flowrun --resume run resumes from it\n");
    temp.write("graph.toml", counting("nowhere", 0.0, 2));
    CHECK(flowrun(temp, {"graph.toml", "--resume", "run", "--allow-changes"}).exit_code == 0);
    CHECK(run_result(temp, "run")["metrics"]["seen"]["count"] == 20);
  }
}

TEST_CASE("SIGPIPE that others send changes nothing") {
  const TempFolder temp;
  temp.write("graph.toml", counting("nowhere", 0.002, 20));
  const Process program(temp, "flowrun", {"graph.toml", "--output", "run"});
  REQUIRE(wait_until([&] { return lines_in(temp.path / "run/metrics.jsonl") > 3; }));
  while (!has_ended(program)) {
    kill(program.process, SIGPIPE);
    std::this_thread::sleep_for(milliseconds(1));
  }
  const Finished run = program.wait();
  CHECK(run.exit_code == 0);
  CHECK(run.errors == "");
}

TEST_CASE("time in which a run was stopped does not count") {
  const TempFolder temp;
  temp.write("graph.toml", counting("nowhere", 0.01));
  const Process program(temp, "flowrun", {"graph.toml", "--output", "run", "--max-time", "2s"});
  REQUIRE(wait_until([&] { return lines_in(temp.path / "run/metrics.jsonl") > 3; }));
  kill(program.process, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(4));
  const std::size_t before = lines_in(temp.path / "run/metrics.jsonl");
  kill(program.process, SIGCONT);
  const Finished run = wait_a_minute(program);
  CHECK(run.exit_code == 0);
  CHECK(run_result(temp, "run")["reason"] == "max_time = \"2s\" of [run] is over");
  CHECK(run_result(temp, "run")["seconds"] < 4.0);
  CHECK(lines_in(temp.path / "run/metrics.jsonl") > before + 1);  // it went on for a while
}

TEST_CASE("a reader that does not read holds up no run, on standard output or standard error") {
  for (const char* to : {">full", "2>full"}) {
    CAPTURE(to);
    const TempFolder temp;
    const auto pipe = temp.path / "full";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    const int held = open(pipe.c_str(), O_RDWR | O_CLOEXEC);  // a reader that never reads
    REQUIRE(held >= 0);
    fcntl(held, F_SETPIPE_SZ, 4096);
    const std::string filled(4096, '.');
    REQUIRE(write(held, filled.data(), filled.size()) == 4096);
    temp.write("graph.toml", counting("nowhere", 0.0, 200));
    const Process program(
        temp, "/bin/sh",
        {"-c", "exec " + shell("graph.toml --output run") + " " + to + (*to == '2' ? " --epochs 0" : "")});
    const Finished run = wait_a_minute(program);
    CHECK(run.signal == 0);
    if (*to == '2')
      CHECK(run.exit_code == 2);  // with an error that nobody reads
    else
      CHECK(run.exit_code == 0);
    close(held);
  }
}

TEST_CASE("a signal ends a run whose terminal does not read") {
  const TempFolder temp;
  const auto pipe = temp.path / "full";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int held = open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  fcntl(held, F_SETPIPE_SZ, 4096);
  temp.write("graph.toml", counting("nowhere", 0.0));
  const Process program(temp, "/bin/sh", {"-c", "exec " + shell("graph.toml --output run") + " >full 2>&1"});
  REQUIRE(wait_until([&] { return lines_in(temp.path / "run/metrics.jsonl") > 2000; }));  // the pipe is full
  kill(program.process, SIGHUP);
  CHECK(wait_a_minute(program).exit_code == 3);
  CHECK(run_result(temp, "run")["status"] == "interrupted");
  close(held);
}

TEST_CASE("when nobody reads its output any more, a run goes on") {
  const TempFolder temp;
  temp.write("graph.toml", counting("nowhere", 0.0, 100));
  const std::string command = shell("graph.toml --output run");
  CHECK(Process(temp, "/bin/sh", {"-c", "(" + command + "; echo $? >code) | head -n 1"}).wait().exit_code ==
        0);
  CHECK(read_file(temp.path / "code") == "0\n");
  CHECK(run_result(temp, "run")["steps"] == 1000);
  CHECK(contains(read_file(temp.path / "run/log.txt"), "epoch 100/100"));
}

TEST_CASE("closed standard descriptors are not given to a run's files") {
  const TempFolder temp;
  temp.write("graph.toml", counting("nowhere", 0.0, 20));
  const Finished run =
      Process(temp, "/bin/sh", {"-c", "exec " + shell("graph.toml --output run") + " <&- >&- 2>&-"}).wait();
  CHECK(run.exit_code == 0);
  std::ifstream metrics(temp.path / "run/metrics.jsonl");
  std::size_t count = 0;
  for (std::string line; std::getline(metrics, line); ++count) CHECK(nlohmann::json::accept(line));
  CHECK(count == 200);
  CHECK(Process(temp, "/bin/sh", {"-c", "exec " TWINFLOW_BUILD_DIR "/bin/flowinspect --verify run <&- >&-"})
            .wait()
            .exit_code == 0);
}

TEST_CASE("a terminal that is called dumb, and NO_COLOR, get no escape sequences") {
  const TempFolder temp;
  temp.write("graph.toml", counting("nowhere", 0.002, 5));
  for (const char* setting : {"TERM=dumb", "TERM=xterm NO_COLOR=1", "TERM=xterm"}) {
    CAPTURE(setting);
    const std::string command = fmt::format("env -u NO_COLOR {} {}", setting, shell("graph.toml --output ")) +
                                std::to_string(std::string(setting).size());
    const std::string shown = Process(temp, "/usr/bin/script", {"-qec", command, "/dev/null"}).wait().output;
    CHECK(contains(shown, "epoch 5/5"));
    CHECK(contains(shown, "\033") == (setting == std::string("TERM=xterm")));
  }
}

TEST_CASE("where no thread can be started, a sentence says what to do") {
  const TempFolder temp;
  std::filesystem::permissions(temp.path, std::filesystem::perms::all);
  temp.write("graph.toml", counting("nowhere", 0.0, 5));
  // Limits do not hold for root.
  const std::string nobody = getuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : "";
  const std::string limit = nobody.empty() ? "1" : "4";
  const Finished done = Process(temp, "/bin/sh",
                                {"-c", "exec prlimit --nproc=" + limit + " " + nobody +
                                           shell("graph.toml --output run --threads 8")})
                            .wait();
  CHECK(done.exit_code == 1);
  CHECK(contains(done.errors, "error: no further thread could be started: "));
  CHECK(contains(done.errors, "ulimit -u"));
}

TEST_CASE("a terminal that was stopped by Ctrl-S holds up no run") {
  const TempFolder temp;
  temp.write("graph.toml", counting("nowhere", 0.0, 3000));
  const int keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(keyboard >= 0);
  REQUIRE(grantpt(keyboard) == 0);
  REQUIRE(unlockpt(keyboard) == 0);
  const std::string terminal = ptsname(keyboard);
  const int held = open(terminal.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(write(keyboard, "\x13", 1) == 1);
  const Process program(temp, "/bin/sh",
                        {"-c", "exec " + shell("graph.toml --output run") + " >" + terminal + " 2>&1"});
  CHECK(wait_a_minute(program).exit_code == 0);
  CHECK(run_result(temp, "run")["status"] == "finished");
  close(held);
  close(keyboard);
}
