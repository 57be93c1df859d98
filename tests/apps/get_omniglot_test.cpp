// apps/get-omniglot, with files of another place and their ids in place of Omniglot's.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <regex>
#include <thread>

#include "plugins/data/fake_omniglot.h"
#include "program.h"

namespace fs = std::filesystem;

namespace {

const std::string script = TWINFLOW_SOURCE_DIR "/apps/get-omniglot";

struct Published {
  std::string path, content, id;  // as `git hash-object` gives it
};
const std::vector<Published> published = {
    {"python/images_background_small1.zip", "small1\n", "02c90917d2097a0b9b96e5bdc6e6b33a48944834"},
    {"python/images_background_small2.zip", "small2\n", "c430d7600c679fe63a190ad185db4d5130e68f9a"},
    {"python/one-shot-classification/all_runs.zip", "runs\n", "344f079e498c411b9448fb126432160f56316918"},
    {"python/images_background.zip", "background\n", "e160df1d6658e131289f67be1bda32180613ce53"},
    {"python/images_evaluation.zip", "evaluation\n", "09e6448a353c76247b4b72fda7f200ac4e361dce"}};

/// A place that offers those files, and a script that knows their ids.
class Place {
 public:
  Place() {
    std::string text = read_file(script);
    for (const Published& one : published) {
      offered.write(one.path, one.content);
      text =
          std::regex_replace(text, std::regex("\"[0-9a-f]{40} " + one.path), "\"" + one.id + " " + one.path);
    }
    changed = work.write("get-omniglot", text);
    fs::permissions(changed, fs::perms::owner_all);
  }
  /// Runs the script in the folder `work`.
  Finished run(const std::string& url, const std::vector<std::string>& arguments = {},
               const std::string& program = "") const {
    setenv("TWINFLOW_OMNIGLOT_URL", url.c_str(), 1);
    const Finished finished = Process(work, program.empty() ? changed.string() : program, arguments).wait();
    unsetenv("TWINFLOW_OMNIGLOT_URL");
    return finished;
  }
  std::string as_files() const { return "file://" + offered.path.string(); }
  /// What is in the folder that the script filled, sorted.
  std::vector<std::string> got(const std::string& folder = "data/omniglot") const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(work.path / folder))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  TempFolder offered, work;
  fs::path changed;
};

const std::vector<std::string> small = {"all_runs.zip", "images_background_small1.zip",
                                        "images_background_small2.zip"};

bool has(const std::string& program) {
  const bool there = std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
  if (!there) MESSAGE("skipped: there is no " << program);
  return there;
}

}  // namespace

TEST_CASE("get-omniglot: downloads what is missing, and says so") {
  if (!has("curl")) return;
  const Place place;
  const Finished first = place.run(place.as_files());
  CHECK(first.errors == "");
  CHECK(first.exit_code == 0);
  CHECK(first.output.find(
            "data/omniglot/images_evaluation.zip: the 20 evaluation alphabets; downloaded, 11 bytes, "
            "checksum right\n") != std::string::npos);
  CHECK(place.got().size() == 5);
  for (const Published& one : published)
    CHECK(read_file(place.work.path / "data/omniglot" / fs::path(one.path).filename()) == one.content);

  const Finished second = place.run("http://127.0.0.1:1");  // where nothing can be had
  CHECK(second.errors == "");
  CHECK(second.exit_code == 0);
  CHECK(second.output.find("data/omniglot/all_runs.zip: the 20 official one-shot runs; was there\n") !=
        std::string::npos);
  CHECK(second.output.find("downloaded") == std::string::npos);

  CHECK(place.run(place.as_files(), {"--small", "else where"}).exit_code == 0);
  CHECK(place.got("else where") == small);
}

TEST_CASE("get-omniglot: a damaged file is refused, not kept, and had when it is mended") {
  if (!has("curl")) return;
  const Place place;
  place.offered.write(published[2].path, "rums\n");
  const Finished damaged = place.run(place.as_files());
  CHECK(damaged.exit_code == 1);
  CHECK(damaged.errors ==
        "get-omniglot: " + place.as_files() + "/" + published[2].path +
            " came damaged: its checksum is e26d4a7a16376cbcac840fd133e3ac8a164216b8, expected " +
            published[2].id + "; nothing of it is kept\n");
  CHECK(place.got() == std::vector<std::string>{small[1], small[2]});
  place.offered.write(published[2].path, published[2].content);
  CHECK(place.run(place.as_files()).exit_code == 0);
  CHECK(place.got().size() == 5);
}

TEST_CASE("get-omniglot: another file of that name is left alone, and said") {
  const Place place;
  place.work.write("data/omniglot/images_background_small1.zip", "rums\n");
  const Finished run = place.run(place.as_files());
  CHECK(run.exit_code == 1);
  CHECK(run.errors ==
        "get-omniglot: data/omniglot/images_background_small1.zip is not the published file: its checksum "
        "is e26d4a7a16376cbcac840fd133e3ac8a164216b8, expected " +
            published[0].id + "; move it away to have it downloaded\n");
  CHECK(read_file(place.work.path / "data/omniglot/images_background_small1.zip") == "rums\n");
}

TEST_CASE("get-omniglot: what cannot be had is said, and leaves nothing behind") {
  const Place place;
  if (!has("curl")) return;
  const Finished nobody = place.run("http://127.0.0.1:1");
  CHECK(nobody.exit_code == 1);
  CHECK(nobody.errors.find(
            "get-omniglot: cannot download http://127.0.0.1:1/python/images_background_small1.zip; is "
            "there a network?") != std::string::npos);
  CHECK(place.got().empty());
}

TEST_CASE("get-omniglot: over HTTP, with curl and with wget") {
  for (const std::string program : {"curl", "wget"}) {
    CAPTURE(program);
    if (!has(program) || !has("/usr/bin/python3")) continue;
    const Place place;
    const TempFolder server_output, tools;  // only what the script needs, and one of the two
    for (const std::string tool : {"bash", "cat", "cut", "env", "mkdir", "mv", "rm", "sed", "sha1sum", "wc"})
      fs::create_symlink(fs::exists("/bin/" + tool) ? "/bin/" + tool : "/usr/bin/" + tool, tools.path / tool);
    fs::create_symlink("/usr/bin/" + program, tools.path / program);

    const Process server(
        server_output, "/usr/bin/python3",
        {"-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", place.offered.path.string()});
    std::smatch url;
    std::string said;
    for (int i = 0; i < 500 && !std::regex_search(said, url, std::regex("http://127.0.0.1:[0-9]+")); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      said = read_file(server_output.path / "stdout");
    }
    const std::string path = std::getenv("PATH"), at = url.str();
    setenv("PATH", tools.path.c_str(), 1);
    const Finished run = place.run(at);
    fs::remove(place.offered.path / published[4].path);
    const Finished missing = place.run(at, {"other"});
    setenv("PATH", path.c_str(), 1);
    kill(server.process, SIGTERM);
    server.wait();

    CHECK(run.exit_code == 0);
    CHECK(place.got().size() == 5);
    CHECK(missing.exit_code == 1);
    CHECK(missing.errors.find("404") != std::string::npos);
    CHECK(missing.errors.find("cannot download " + at + "/" + published[4].path) != std::string::npos);
    CHECK(place.got("other").size() == 4);
  }
}

TEST_CASE("get-omniglot: usage") {
  const Place place;
  const Finished help = place.run("", {"--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.output.find("Usage: apps/get-omniglot [--small] [FOLDER]") != std::string::npos);
  CHECK(place.run("", {"--smal"}).exit_code == 2);
  CHECK(place.run("", {"--smal"}).errors == "get-omniglot: there is no option '--smal'; see --help\n");
  CHECK(place.run("", {"a", "b"}).errors == "get-omniglot: one folder, please, not 'a' and 'b'\n");
  CHECK_FALSE(fs::exists(place.work.path / "data"));
}

TEST_CASE("get-omniglot: the published files have the ids that it knows") {
  const auto real = fake::real_omniglot();
  if (!real || !has("curl")) return;
  const Place place;
  for (int i = 0; i < 3; ++i) {
    const fs::path name = fs::path(published[i].path).filename();
    fs::copy_file(*real / name, place.offered.path / published[i].path, fs::copy_options::overwrite_existing);
  }
  CHECK(place.run(place.as_files(), {"--small"}, script).errors == "");
  CHECK(place.got() == small);
}
