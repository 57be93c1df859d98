#pragma once

#include <cstddef>

/// The arithmetic of batch normalisation, with what follows it: y = pool(relu(a x + b + sum)), each channel
/// with its a and b. All in one pass over x, in f32, whatever lies in memory: after a large convolution these
/// operations only wait for memory, so one pass costs a third of three. The backward passes work out again,
/// from x, which pixel a window chose and where the ReLU was open, which is cheaper than to remember it.
namespace twinflow::twin {

/// Some channels of a shard's images, and where they lie: pixel p of image n at n * image + p * pixel, there
/// `lanes` channels side by side. (One block of nChw16c is 16 lanes, as are 16
/// channels of nhwc; a channel of nchw is 1.)
struct Planes {
  bool bf16 = false;       // else f32
  std::size_t lanes = 16;  // 16, 8 or 1
  std::size_t count = 0, height = 0, width = 0, image = 0, pixel = 0;
  /// 2: y is the largest of each 2 x 2 pixels, the last odd row and column left out. 1: no pooling.
  std::size_t window = 1;
  std::size_t pooled_image = 0;  // as `image`, of y
  bool relu = false;

  std::size_t pooled_height() const { return height / window; }
  std::size_t pooled_width() const { return width / window; }
};

/// All arrays of channels have `lanes` floats. x, sum, y, dx, ... point at the first image's first pixel;
/// `sum` may be nullptr.
struct Affine {
  const float *a, *b;
};

/// Mean and biased variance, in one pass: each image's about the mean of the image before it, so that no
/// large squares cancel, and from the images' the shard's, in double (Chan et al. 1979).
void channel_statistics(const Planes& planes, const void* x, float* mean, float* variance);
void normalize(const Planes& planes, const void* x, const void* sum, Affine affine, void* y);
/// With dz the gradient of a x + b + sum: d_shift = sum of dz, d_scale = sum of dz (x - mean).
void normalize_sums(const Planes& planes, const void* x, const void* sum, Affine affine, const float* mean,
                    const void* dy, float* d_shift, float* d_scale);
/// dx = by_dz dz + by_x x + constant and d_sum = dz; either may be nullptr.
struct Gradient {
  const float *by_dz, *by_x, *constant;
};
void normalize_gradient(const Planes& planes, const void* x, const void* sum, Affine affine,
                        const Gradient& gradient, const void* dy, void* dx, void* d_sum);

}  // namespace twinflow::twin
