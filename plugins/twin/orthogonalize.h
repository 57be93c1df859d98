#pragma once

#include <cstddef>
#include <vector>

namespace twinflow::twin {

/// Brings all singular values of a matrix (rows x columns, row-major) near 1, between 0.68 and 1.21, and
/// keeps its singular vectors: five rounds of a Newton-Schulz iteration (Jordan et al. 2024, "Muon: an
/// optimizer for hidden layers in neural networks"),
///
///   X_0 = X / |X|_F,   X_(k+1) = a X_k + b G_k X_k + c G_k^2 X_k,   G_k = X_k X_k^T,
///   (a, b, c) = (3.4445, -4.7750, 2.0315);
///
/// those below 1.5e-3 of |X|_F come out smaller, and 0 stays 0. Here the rounds work on G alone,
/// on the shorter side of the matrix: with P_k = a I + b G_k + c G_k^2, X_(k+1) = P_k X_k and G_(k+1) = P_k
/// G_k P_k, so that the long side is multiplied only twice, for G_0 and for P_4 ... P_0 X_0.
///
/// Parallel over the arena, with the same bits for any number of threads.
void orthogonalize(std::vector<float>& matrix, std::size_t rows, std::size_t columns);

}  // namespace twinflow::twin
