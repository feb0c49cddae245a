#include "framework/comm/store.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/comm/check_mpi.h"

namespace ornstein {
namespace {

constexpr int kConnectMilliseconds = 2000;

// Numeric addresses of this host's interfaces that are up, IPv4 first; no link-local ones.
std::vector<std::string> own_addresses() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::vector<std::string> addresses;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* it = all; it != nullptr; it = it->ifa_next) {
      if (!it->ifa_addr || it->ifa_addr->sa_family != family) continue;
      if (!(it->ifa_flags & IFF_UP) || (it->ifa_flags & IFF_LOOPBACK)) continue;
      const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      char host[NI_MAXHOST];
      if (::getnameinfo(it->ifa_addr, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0)
        continue;
      if (std::string(host).find('%') == std::string::npos) addresses.emplace_back(host);
    }
  }
  ::freeifaddrs(all);
  return addresses;
}

bool answers(const std::string& address, int port) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return false;
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  ::connect(socket, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  pollfd ready = {socket, POLLOUT, 0};
  int error = 1;
  socklen_t size = sizeof error;
  if (::poll(&ready, 1, kConnectMilliseconds) == 1)
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  ::close(socket);
  return error == 0;
}

std::string broadcast_from_first(MPI_Comm communicator, std::string text) {
  int length = static_cast<int>(text.size());
  check_mpi(MPI_Bcast(&length, 1, MPI_INT, 0, communicator), "MPI_Bcast");
  text.resize(length);
  check_mpi(MPI_Bcast(text.data(), length, MPI_CHAR, 0, communicator), "MPI_Bcast");
  return text;
}

}  // namespace

c10::intrusive_ptr<c10d::TCPStore> make_store(MPI_Comm communicator,
                                              std::chrono::milliseconds patience) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
  c10::intrusive_ptr<c10d::TCPStore> store;
  std::string offer;  // "HOST PORT ADDRESS..."
  if (rank == 0) {
    store = c10::make_intrusive<c10d::TCPStore>(
        "127.0.0.1", c10d::TCPStoreOptions{
                         .port = 0, .isServer = true, .waitWorkers = false, .timeout = patience});
    offer = fmt::format("{} {} {}", host_name(), store->getPort(), fmt::join(own_addresses(), " "));
  }
  std::istringstream words(broadcast_from_first(communicator, offer));
  if (rank == 0) return store;
  std::string host, address;
  int port = 0;
  words >> host >> port;
  std::vector<std::string> tried;
  if (host == host_name()) tried.emplace_back("127.0.0.1");
  while (words >> address) tried.push_back(address);
  for (const std::string& it : tried) {
    if (!answers(it, port)) continue;
    return c10::make_intrusive<c10d::TCPStore>(
        it, c10d::TCPStoreOptions{.port = static_cast<uint16_t>(port),
                                  .isServer = false,
                                  .waitWorkers = false,
                                  .timeout = patience});
  }
  throw CommError(fmt::format(
      "rank 0 on {} cannot be reached over TCP (port {}, tried {}) let the nodes of a job connect "
      "to each other, or set runtime.collective_timeout to 0 and go without a watchdog",
      host, port, fmt::join(tried, ", ")));
}

}  // namespace ornstein
