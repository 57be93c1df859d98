#pragma once

#include "engine.h"

/// Descriptors of primitives, for oneDNN 3 (Debian 13) and oneDNN 2 (Debian 12) alike. Callers give what
/// oneDNN 3 takes; all differences between the two interfaces are in this file.
namespace twinflow::twin {

#if DNNL_VERSION_MAJOR >= 3

/// Makes the descriptor of a forward pass. `what`: the arguments between the engine and the attributes. With
/// `may_fail`, the result is empty where oneDNN has no such primitive; else that throws dnnl::error.
template <class Primitive, class... What>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes, bool may_fail,
                                            const What&... what) {
  return {engine(), what..., attributes, may_fail};
}

/// The same for a backward pass. `what`: the arguments between the engine and the forward pass.
template <class Primitive, class Forward, class... What>
typename Primitive::primitive_desc describe_backward(const Forward& forward, bool may_fail,
                                                     const What&... what) {
  return {engine(), what..., forward, attributes(), may_fail};
}

inline void append_relu(dnnl::post_ops& after) {
  after.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
}
inline memory::dims dims_of(const memory::desc& desc) { return desc.get_dims(); }
inline memory::data_type type_of(const memory::desc& desc) { return desc.get_data_type(); }

#else

/// oneDNN 2 takes these arguments in an object of their own, and for some primitives fewer of them.
template <class Primitive>
struct Described {
  template <class... What>
  static typename Primitive::desc by(const What&... what) {
    return {what...};
  }
};
template <>
struct Described<dnnl::eltwise_forward> {
  static dnnl::eltwise_forward::desc by(dnnl::prop_kind kind, dnnl::algorithm f, const memory::desc& src,
                                        const memory::desc&, float alpha, float beta) {
    return {kind, f, src, alpha, beta};
  }
};
template <>
struct Described<dnnl::eltwise_backward> {
  static dnnl::eltwise_backward::desc by(dnnl::algorithm f, const memory::desc& diff_src, const memory::desc&,
                                         const memory::desc& data, float alpha, float beta) {
    return {f, diff_src, data, alpha, beta};
  }
};
template <>
struct Described<dnnl::pooling_forward> {
  static dnnl::pooling_forward::desc by(dnnl::prop_kind kind, dnnl::algorithm f, const memory::desc& src,
                                        const memory::desc& dst, const memory::dims& strides,
                                        const memory::dims& window, const memory::dims&,
                                        const memory::dims& before, const memory::dims& after) {
    return {kind, f, src, dst, strides, window, before, after};
  }
};
template <>
struct Described<dnnl::pooling_backward> {
  static dnnl::pooling_backward::desc by(dnnl::algorithm f, const memory::desc& diff_src,
                                         const memory::desc& diff_dst, const memory::dims& strides,
                                         const memory::dims& window, const memory::dims&,
                                         const memory::dims& before, const memory::dims& after) {
    return {f, diff_src, diff_dst, strides, window, before, after};
  }
};
template <>
struct Described<dnnl::batch_normalization_forward> {
  static dnnl::batch_normalization_forward::desc by(dnnl::prop_kind kind, const memory::desc& src,
                                                    const memory::desc&, float epsilon,
                                                    dnnl::normalization_flags flags) {
    return {kind, src, epsilon, flags};
  }
};
template <>
struct Described<dnnl::batch_normalization_backward> {
  static dnnl::batch_normalization_backward::desc by(dnnl::prop_kind kind, const memory::desc& diff_src,
                                                     const memory::desc&, const memory::desc& src,
                                                     float epsilon, dnnl::normalization_flags flags) {
    return {kind, diff_src, src, epsilon, flags};
  }
};

template <class Primitive, class... What>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes, bool may_fail,
                                            const What&... what) {
  return {Described<Primitive>::by(what...), attributes, engine(), may_fail};
}

template <class Primitive, class Forward, class... What>
typename Primitive::primitive_desc describe_backward(const Forward& forward, bool may_fail,
                                                     const What&... what) {
  return {Described<Primitive>::by(what...), attributes(), engine(), forward, may_fail};
}

inline void append_relu(dnnl::post_ops& after) {
  after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
}
inline memory::dims dims_of(const memory::desc& desc) { return desc.dims(); }
inline memory::data_type type_of(const memory::desc& desc) { return desc.data_type(); }

#endif

}  // namespace twinflow::twin
