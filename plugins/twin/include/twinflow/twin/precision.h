#pragma once

namespace twinflow::twin {

/// The type of a network's activations, their gradients and the weights that multiplications read; master
/// weights, their gradients, statistics and losses are f32.
enum class Precision { f32, bf16, automatic };

/// f32 or bf16; automatic: bf16 where the processor has instructions for it. Throws Error when bf16 is asked
/// for and it has none.
Precision resolve(Precision asked);

}  // namespace twinflow::twin
