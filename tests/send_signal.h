#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "signals.h"

/// Sends this process a signal and waits until it has come: a thread of the guard's takes it.
inline void send_signal(int signal) {
  kill(getpid(), signal);
  for (int i = 0; i < 10000 && twinflow::SignalGuard::received() != signal; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}
