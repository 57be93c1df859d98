#pragma once

#include <iostream>
#include <streambuf>
#include <string>

/// While it lives, what its thread writes to std::cerr is kept rather than printed: OpenCV prints some of its
/// sentences there, without the file's name, and gives no other way to learn them. Other threads print as
/// before. Made by several threads at once; the first one changes std::cerr for good.
class CapturedErrors {
 public:
  CapturedErrors() {
    static Filter* const filter = new Filter;  // never destroyed: others may print until the very end
    static_cast<void>(filter);
    current = &text_;
  }
  ~CapturedErrors() { current = nullptr; }
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;

  const std::string& text() const { return text_; }

 private:
  class Filter : public std::streambuf {
   public:
    Filter() : out_(std::cerr.rdbuf(this)) {}

   protected:
    int_type overflow(int_type c) override {
      if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
      if (!current) return out_->sputc(traits_type::to_char_type(c));
      *current += traits_type::to_char_type(c);
      return c;
    }
    std::streamsize xsputn(const char* text, std::streamsize count) override {
      if (!current) return out_->sputn(text, count);
      current->append(text, static_cast<std::size_t>(count));
      return count;
    }
    int sync() override { return current ? 0 : out_->pubsync(); }

   private:
    std::streambuf* out_;
  };

  static inline thread_local std::string* current = nullptr;
  std::string text_;
};
