#include "engine.h"

#include <omp.h>

#include <unordered_map>

namespace twinflow::twin {

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

std::string library_version() {
  const dnnl_version_t& version = *dnnl_version();
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
         std::to_string(version.patch);
}

bool has(dnnl::cpu_isa level) {  // levels contain one another bit by bit
  const auto have = static_cast<unsigned>(dnnl::get_effective_cpu_isa()),
             wanted = static_cast<unsigned>(level);
  return (have & wanted) == wanted;
}

bool want_channels_last(memory::data_type type) {
  if (!has(dnnl::cpu_isa::avx512_core)) return true;
  return type == memory::data_type::bf16 && (DNNL_VERSION_MAJOR >= 3 || has(dnnl::cpu_isa::avx512_core_amx));
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr made;
  made.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return made;
}

void one_thread() { omp_set_num_threads(1); }

Kernel Kernel::reorder(const memory::desc& from, const memory::desc& to) {
  return make<dnnl::reorder>({engine(), from, engine(), to, attributes()});
}

std::string Kernel::name() const {
  const char* found = nullptr;
  dnnl_primitive_desc_query(primitive.get_primitive_desc(), dnnl_query_impl_info_str, 0, &found);
  return found ? found : "";
}

void Slot::run(const Kernel& kernel, std::initializer_list<Argument> arguments) {
  std::unordered_map<int, memory> all;
  for (const Argument& one : arguments)
    all.emplace(one.id, memory(one.desc, engine(), const_cast<void*>(one.data)));
  scratchpad.need(kernel.scratchpad.get_size());
  all.emplace(DNNL_ARG_SCRATCHPAD, memory(kernel.scratchpad, engine(), scratchpad.data()));
  kernel.primitive.execute(stream, all);
}

void convert(const memory::desc& from, const void* source, const memory::desc& to, void* target) {
  one_thread();
  Slot slot;
  slot.run(Kernel::reorder(from, to), {{DNNL_ARG_FROM, from, source}, {DNNL_ARG_TO, to, target}});
}

}  // namespace twinflow::twin
