#pragma once

#include <signal.h>
#include <unistd.h>

#include <thread>

#include "signals.h"

/// Sends this process a signal and waits until it has come: a thread of the guard's takes it.
inline void send_signal(int signal) {
  kill(getpid(), signal);
  while (twinflow::SignalGuard::received() != signal) std::this_thread::yield();
}
