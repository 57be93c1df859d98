#include "plugins/data/pair_list.h"

#include <doctest/doctest.h>

#include "fake_omniglot.h"

using namespace twinflow;
using namespace twinflow::data;
using Part = PairList::Part;

namespace {

/// A folder with five files, of which nobody looks at what they hold.
class Folder : public TempFolder {
 public:
  Folder() {
    for (const char* name : {"a.png", "b.png", "c.png", "d.png", "sub/e, 1.png"}) write(name, "");
    fake::fs::create_symlink("a.png", path / "link.png");
  }
  PairList read(const std::string& csv, std::uint8_t label_of_same = 0) const {
    return read_pair_list(parse_csv(csv, "x.csv"), path, label_of_same);
  }
  std::string said(const std::string& csv) const {
    return fake::error_of([&] { read(csv); });
  }
};

std::string text(const PairList& list, const std::vector<ListedPair>& pairs) {
  std::string all;
  for (const ListedPair& pair : pairs)
    all += list.images[pair.left].file.filename().string() + (pair.same ? " = " : " | ") +
           list.images[pair.right].file.filename().string() + "; ";
  return all;
}

}  // namespace

TEST_CASE("pair list: columns in any order, every image once, in the order of the list") {
  const Folder folder;
  const PairList list = folder.read(
      "split,label,right,left\n"
      "train,same,b.png,a.png\n"
      "test,different,\"sub/e, 1.png\",c.png\n"
      "validation,different,b.png,d.png\n"
      "train,different,a.png,./d.png\n");
  CHECK(text(list, list.pairs) == "a.png = b.png; c.png | e, 1.png; d.png | b.png; d.png | a.png; ");
  CHECK(list.images.size() == 5);
  CHECK(list.images[3].file == fake::fs::canonical(folder.path / "sub/e, 1.png"));
  CHECK(list.images[3].where == "x.csv:3: right 'sub/e, 1.png'");
  CHECK(list.parts == std::vector{Part::train, Part::test, Part::validation, Part::train});
  CHECK(text(list, list.of(Part::train)) == "a.png = b.png; d.png | a.png; ");
  CHECK(text(list, list.of(Part::validation)) == "d.png | b.png; ");
  CHECK(text(list, list.of(Part::test)) == "c.png | e, 1.png; ");
}

TEST_CASE("pair list: without a split all is for training; 0 and 1 mean what label_of_same says") {
  const Folder folder;
  const std::string csv =
      "left,right,label\na.png,b.png,0\na.png,c.png,1\na.png,d.png,same\nb.png,d.png,different\n";
  CHECK(text(folder.read(csv), folder.read(csv).of(Part::train)) ==
        "a.png = b.png; a.png | c.png; a.png = d.png; b.png | d.png; ");
  CHECK(text(folder.read(csv, 1), folder.read(csv, 1).pairs) ==
        "a.png | b.png; a.png = c.png; a.png = d.png; b.png | d.png; ");
  CHECK(folder.read(csv).of(Part::test).empty());
}

TEST_CASE("pair list: what is wrong is said with file, line and field") {
  const Folder folder;
  const std::string head = "left,right,label,split\n";
  CHECK(folder.said("left,right,lable\n") ==
        "x.csv:1: there is no column 'lable' in a list of pairs; did you mean 'label'? (columns: left, "
        "right, label, "
        "split)");
  CHECK(folder.said("left,right,split\n") ==
        "x.csv:1: the column 'label' is missing; there are left, right, split");
  CHECK(folder.said("\nleft,label\n") == "x.csv:2: the column 'right' is missing; there are left, label");
  CHECK(folder.said(head) == "x.csv lists no pair");
  CHECK(folder.said(head + "a.png,b.png,2,train\n") ==
        "x.csv:2: label '2' is no label; expected 0, 1, same or different");
  CHECK(folder.said(head + "a.png,b.png,Same,train\n") ==
        "x.csv:2: label 'Same' is no label; expected 0, 1, same or different");
  CHECK(folder.said(head + "a.png,b.png,0,trian\n") ==
        "x.csv:2: split 'trian' is no part; did you mean 'train'? (parts: train, validation, test)");
  CHECK(folder.said(head + "a.png,b.png,0,\n") ==
        "x.csv:2: split '' is no part (parts: train, validation, test)");
  CHECK(folder.said(head + "a.png,b.png,0,train\n,b.png,0,train\n") == "x.csv:3: left '' names no file");
  CHECK(folder.said(head + "a.png,none.png,0,train\n") == "x.csv:2: right 'none.png' cannot be found in '" +
                                                              folder.path.string() +
                                                              "': No such file or directory");
  CHECK(folder.said(head + "a.png,sub,0,train\n") == "x.csv:2: right 'sub' is not a file");
  for (const char* name : {"a.png", "./a.png", "sub/../a.png", "link.png"})
    CHECK(folder.said(head + "a.png," + name + ",0,train\n") ==
          std::string("x.csv:2: right '") + name + "' is the image on the left once more");
}

TEST_CASE("pair list: a pair may come again, but not with another label or in another part") {
  const Folder folder;
  const std::string start = "left,right,label,split\nc.png,d.png,1,test\na.png,b.png,0,train\n";
  CHECK(folder.read(start + "b.png,a.png,0,train\n").pairs.size() == 3);
  CHECK(folder.said(start + "a.png,b.png,1,train\n") ==
        "x.csv:4: label '1' contradicts line 3, which has this pair with the other label");
  CHECK(folder.said(start + "b.png,a.png,different,train\n") ==
        "x.csv:4: label 'different' contradicts line 3, which has this pair with the other label");
  CHECK(folder.said(start + "link.png,b.png,0,test\n") ==
        "x.csv:4: split 'test' contradicts line 3, which has this pair for another part");
}

TEST_CASE("pair list: images that stand in several parts are said") {
  const Folder folder;
  const std::string start = "left,right,label,split\na.png,b.png,0,train\n";
  CHECK(folder.read(start + "c.png,d.png,1,test\n").shared_images() == "");
  CHECK(folder.read(start + "c.png,b.png,1,test\n").shared_images() ==
        "1 of 3 images stands in several parts, such as " +
            fake::fs::canonical(folder.path / "b.png").string() +
            " in train and test: these parts do not measure how well unseen images are told apart");
  CHECK(folder.read(start + "c.png,b.png,1,test\na.png,c.png,1,validation\n").shared_images() ==
        "3 of 3 images stand in several parts, such as " +
            fake::fs::canonical(folder.path / "a.png").string() +
            " in train and validation: these parts do not measure how well unseen images are told apart");
}
