#include "twinflow/doctor.h"

#include <fmt/format.h>
#include <omp.h>

#include <cstdlib>
#include <dnnl.hpp>

#include "engine.h"
#include "twinflow/libraries.h"

namespace twinflow::twin {
namespace {

/// The variable that keeps oneDNN from instructions that the processor has; nullptr: none does. oneDNN reads
/// both, and the second one only where the first is not set.
const char* limiting_variable() {
  for (const char* const name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})
    if (std::getenv(name)) return name;
  return nullptr;
}

void examine_simd(Diagnosis& diagnosis) {
  const char* const limit = limiting_variable();
  const std::string advice = limit ? fmt::format("unset {}, if the processor has more", limit)
                                   : "choose another processor, if you can";
  const char* level = "none";
  if (has(dnnl::cpu_isa::avx512_core_amx))
    level = "AVX-512 with bf16 and AMX";
  else if (has(dnnl::cpu_isa::avx512_core_bf16))
    level = "AVX-512 with bf16";
  else if (has(dnnl::cpu_isa::avx512_core))
    level = "AVX-512";
  else if (has(dnnl::cpu_isa::avx2))
    level = "AVX2";
  else if (has(dnnl::cpu_isa::avx))
    level = "AVX";
  else if (has(dnnl::cpu_isa::sse41))
    level = "SSE4.1";
  diagnosis.facts.emplace_back("SIMD of oneDNN", level);
  if (limit)
    diagnosis.warnings.push_back(fmt::format(
        "{} limits oneDNN only: TwinFlow's own loops (optimizers, normalisation, augmentation) use all that "
        "the processor has.",
        limit));
  if (!has(dnnl::cpu_isa::avx512_core))
    diagnosis.warnings.push_back("oneDNN finds no AVX-512" +
                                 std::string(has(dnnl::cpu_isa::avx2) ? "" : " and no AVX2") +
                                 ", without which training takes many times as long: " + advice + ".");
  else if (!has(dnnl::cpu_isa::avx512_core_bf16))
    diagnosis.warnings.push_back(
        "oneDNN finds no bf16 instructions, so that precision = \"auto\" means f32: " + advice + ".");
}

void examine(Diagnosis& diagnosis) {
  examine_simd(diagnosis);
  std::string openmp = "of " + std::to_string(_OPENMP / 100) + "-" + (_OPENMP % 100 < 10 ? "0" : "") +
                       std::to_string(_OPENMP % 100);
  if (std::getenv("OMP_NUM_THREADS")) openmp += "; OMP_NUM_THREADS has no effect, --threads has";
  diagnosis.facts.emplace_back("OpenMP", openmp);
}

const bool registered = register_doctor(examine) && register_library("oneDNN", library_version());

}  // namespace
}  // namespace twinflow::twin
