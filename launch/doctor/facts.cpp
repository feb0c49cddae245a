#include "launch/doctor/facts.h"

#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "framework/base/hash.h"
#include "framework/base/host_name.h"
#include "framework/comm/devices.h"
#include "framework/config/json_line.h"
#include "launch/mpi_session.h"
#include "launch/versions.h"

namespace ornstein {
namespace {

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What stands after "KEY :" in the first line that has it; "" without one.
std::string_view entry(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t colon = line.find(':');
    if (colon == line.npos || !line.starts_with(key)) continue;
    if (line.substr(key.size(), colon - key.size()).find_first_not_of(" \t") != line.npos) continue;
    line.remove_prefix(std::min(line.size(), colon + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    return line;
  }
  return {};
}

int64_t kilobytes(std::string_view meminfo, std::string_view key) {
  return 1024 * std::atoll(std::string(entry(meminfo, key)).c_str());
}

// The tightest limit on this process's control group and those around it (versions 1 and 2), in
// bytes. Inside a container its own group's path may lead nowhere; the root's file counts then.
int64_t memory_limit() {
  int64_t limit = std::numeric_limits<int64_t>::max();
  std::istringstream groups(contents("/proc/self/cgroup"));  // lines ID:CONTROLLERS:PATH
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers != "memory") continue;
    const std::string root = controllers.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const char* file = controllers.empty() ? "/memory.max" : "/memory.limit_in_bytes";
    for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      const long long bytes = std::atoll(contents(root + path + file).c_str());  // "max": 0
      if (bytes > 0) limit = std::min<int64_t>(limit, bytes);
      if (path.find('/') == path.npos) break;
    }
  }
  return limit;
}

std::vector<int> bound_cores() {
  constexpr int kMost = 8 * CPU_SETSIZE;
  cpu_set_t sets[8];
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof sets, sets) != 0) return cores;
  for (int core = 0; core < kMost; ++core) {
    if (CPU_ISSET_S(core, sizeof sets, sets)) cores.push_back(core);
  }
  return cores;
}

std::string to_line(const RankFacts& facts) {
  return JsonLine()
      .add("host", facts.seat.host)
      .add("device", facts.seat.device)
      .add("local_rank", int64_t{facts.local_rank})
      .add("cores", fmt::format("{}", fmt::join(facts.cores, " ")))
      .add("host_cores", int64_t{facts.host_cores})
      .add("memory", facts.memory)
      .add("available", facts.available)
      .add("model", facts.processor.model)
      .add("features", facts.processor.features)
      .add("capability", facts.capability)
      .add("versions", facts.versions)
      .add("polls", int64_t{facts.polls})
      .text();
}

RankFacts from_line(const std::string& line) {
  const auto text = [&](const char* key) { return text_in_json(line, key).value(); };
  const auto number = [&](const char* key) { return integer_in_json(line, key).value(); };
  RankFacts facts{.seat = {text("host"), text("device")},
                  .local_rank = static_cast<int>(number("local_rank")),
                  .host_cores = static_cast<int>(number("host_cores")),
                  .memory = number("memory"),
                  .available = number("available"),
                  .processor = {text("model"), text("features")},
                  .capability = text("capability"),
                  .versions = text("versions"),
                  .polls = number("polls") != 0};
  std::istringstream cores(text("cores"));
  for (int core; cores >> core;) facts.cores.push_back(core);
  return facts;
}

}  // namespace

Processor processor_in(std::string_view cpuinfo) {
  Processor found;
  const auto or_else = [&](const char* key, const char* other) {
    const std::string_view value = entry(cpuinfo, key);
    return value.empty() ? entry(cpuinfo, other) : value;
  };
  const std::string_view name = or_else("model name", "CPU implementer");
  found.model = name.empty() ? "unknown" : name;
  if (const std::string_view family = entry(cpuinfo, "cpu family"); !family.empty())
    found.model += fmt::format(" (family {}, model {})", family, entry(cpuinfo, "model"));
  if (const std::string_view part = entry(cpuinfo, "CPU part"); !part.empty())
    found.model += fmt::format(" (part {})", part);

  std::istringstream flags{std::string(or_else("flags", "Features"))};
  const std::vector<std::string> all{std::istream_iterator<std::string>(flags), {}};
  std::vector<std::string_view> own;
  for (const char* feature : {"avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16",
                              "amx_bf16", "asimd", "sve", "sve2", "bf16"}) {
    if (std::find(all.begin(), all.end(), feature) != all.end()) own.push_back(feature);
  }
  found.features = fmt::format("{}", fmt::join(own, " "));
  return found;
}

RankFacts facts_of_this_rank(const MpiSession& session) {
  const std::string memory = contents("/proc/meminfo");
  const int64_t limit = memory_limit();
  const char* yields = std::getenv("OMPI_MCA_mpi_yield_when_idle");
  JsonLine libraries = versions();
  // Two builds of one version compute differently.
  libraries.add("libtorch_build", fmt::format("{:016x}", hash_of(at::show_config())));
  const auto devices = visible_devices();
  const auto share = device_of(session.local_rank(), static_cast<int>(devices.size()));
  return {.seat = {host_name(), share ? devices[*share].bus : std::string()},
          .local_rank = session.local_rank(),
          .cores = bound_cores(),
          .host_cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)),
          .memory = std::min(limit, kilobytes(memory, "MemTotal")),
          .available = std::min(limit, kilobytes(memory, "MemAvailable")),
          .processor = processor_in(contents("/proc/cpuinfo")),
          .capability = at::get_cpu_capability(),
          .versions = libraries.text(),
          .polls = yields == nullptr || std::string_view(yields) != "1"};
}

std::vector<RankFacts> gather(const ProcessGroup& group, const RankFacts& own) {
  std::string line = to_line(own) + "\n";
  const at::Tensor all = gather_rows(
      group, at::from_blob(line.data(), {static_cast<int64_t>(line.size())}, at::kByte).clone());
  std::istringstream lines(
      std::string(reinterpret_cast<const char*>(all.const_data_ptr<uint8_t>()), all.numel()));
  std::vector<RankFacts> facts;
  while (std::getline(lines, line)) facts.push_back(from_line(line));
  return facts;
}

}  // namespace ornstein
