#pragma once

#include <exception>

/// For loops that may take more than a second while nodes open: in open() and in what makes a constant
/// output. A signal that ends the run does not wait for them.
///
///     for (const Image& image : images) {
///       throw_if_interrupted();
///       ...
///
/// Later, in the stream, a signal lets items that have begun come to their end, and the same loop goes
/// through.
namespace twinflow {

/// Ends the run as a signal does, without an error. Nothing was trained yet, so nothing is saved.
class Interrupted final : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted by a signal"; }
};

/// Throws Interrupted when a signal has asked the run to end while its nodes open. From any thread; costs the
/// reading of an atomic number.
void throw_if_interrupted();

}  // namespace twinflow
