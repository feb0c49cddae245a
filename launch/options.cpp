#include "launch/options.h"

#include <boost/program_options.hpp>
#include <iostream>
#include <random>
#include <sstream>

#include "framework/base/errors.h"
#include "launch/commands.h"

namespace ornstein {
namespace {

namespace po = boost::program_options;
using Arguments = std::vector<std::string>;

constexpr const char* kUsage = R"(Ornstein trains diffusion generative models on clusters.

  ornstein train CONFIG.json        trains; under `mpirun -n N` or `srun` on N ranks
  ornstein sample RUN               draws samples from a run or checkpoint
  ornstein evaluate RUN             figures on held-out rows
  ornstein join RUN... --out DIR    one run of stages that were trained as separate jobs
  ornstein data import KIND SOURCE... OUT.h5
  ornstein data info FILE.h5
  ornstein inspect CHECKPOINT       what a checkpoint holds, and whether it is whole
  ornstein list [trainers|datasets|networks]
  ornstein doctor                   what this machine and launch offer
  ornstein selftest --chaos         disturbs small runs here, and says which promises hold

`ornstein COMMAND --help` lists a command's options.
Exit codes: 0 done, 1 failed while running, 2 a mistake in arguments, configuration or data, 75 stopped on request
after writing a checkpoint (start again with --resume).
)";

// One command's options: `usage` and `about` head its help; `positional` are required operands in
// order, the last may take several.
struct Parser {
  std::string usage, about;
  po::options_description options{"options"};
  po::options_description operands;
  po::positional_options_description positions;

  void operand(const char* name, int count, po::value_semantic* value) {
    operands.add_options()(name, value);
    positions.add(name, count);
  }

  // False when help was asked for and printed.
  bool parse(const Arguments& arguments, po::variables_map& values) {
    options.add_options()("help,h", "this text");
    po::options_description all;
    all.add(options).add(operands);
    try {
      po::store(
          po::command_line_parser(arguments)
              .options(all)
              .positional(positions)
              .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
              .run(),
          values);
      if (values.count("help")) {
        std::cout << "usage: ornstein " << usage << "\n\n" << about << "\n\n" << options;
        return false;
      }
      po::notify(values);
    } catch (const po::error& error) {
      std::string problem = error.what();
      throw ConfigError(fmt::format("{} (usage: ornstein {}) see --help", problem, usage));
    }
    return true;
  }
};

const Command kPrinted{false, false,
                       [](const Catalogue&, const MpiSession*) { return static_cast<int>(kDone); }};

Command parse_train(const Arguments& arguments) {
  TrainOptions o;
  Parser p;
  p.usage = "train CONFIG.json [options]";
  p.about =
      "Trains what CONFIG.json describes. Start it plainly, by `mpirun -n N` or by `srun "
      "--mpi=pmix`.";
  p.operand("CONFIG", 1, po::value(&o.config)->required());
  p.options.add_options()("out", po::value(&o.out),
                          "the run's directory (default: runs/NAME of CONFIG)")(
      "set", po::value(&o.settings)->composing(),
      "a.b=value: lays a value over the configuration; may be repeated")(
      "resume", po::bool_switch(&o.resume),
      "go on from the newest good checkpoint; starts afresh where there is no run")(
      "overwrite", po::bool_switch(&o.overwrite), "begin anew in a directory that holds a run")(
      "dry-run", po::bool_switch(&o.dry_run),
      "print the resolved configuration, parameters and memory, and stop")(
      "stop-before", po::value(&o.stop_before)->default_value(0),
      "under Slurm: stop with a checkpoint and exit code 75 so many minutes before the time limit")(
      "replay", po::value(&o.replay),
      "run this step of the run in --out once more, from the checkpoint before it, and say which "
      "rows, terms and parameters were not finite; changes nothing");
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  if (!(o.stop_before >= 0))
    throw ConfigError(
        fmt::format("--stop-before {} (minutes must not be negative)", o.stop_before));
  if (values.count("replay") && o.replay < 1)
    throw ConfigError(
        fmt::format("--replay {} (must be at least 1) the log names the step", o.replay));
  return {true, true, [o](const Catalogue& c, const MpiSession* s) { return train(o, c, *s); }};
}

// N or NxM.
std::vector<int64_t> points_of_grid(const std::string& text) {
  std::vector<int64_t> points;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, 'x');) {
    const bool number = !word.empty() && word.size() < 10 &&
                        word.find_first_not_of("0123456789") == std::string::npos;
    points.push_back(number ? std::stoll(word) : 0);
  }
  if (points.empty() || points.size() > 2 || text.ends_with('x') ||
      *std::min_element(points.begin(), points.end()) < 2)
    throw ConfigError(
        fmt::format("--grid {} (must be N or NxM, two points an axis at least) --grid 128", text));
  return points;
}

Command parse_sample(const Arguments& arguments) {
  SampleOptions o;
  std::string grid;
  Parser p;
  p.usage = "sample RUN_OR_CHECKPOINT --count N --out FILE.h5 [options]";
  p.about = "Draws samples on all ranks. Sample i depends on the seed and i alone.";
  p.operand("RUN", 1, po::value(&o.run)->required());
  p.options.add_options()("count", po::value(&o.count)->required(), "how many")(
      "out", po::value(&o.out), "HDF5 file with the schema of data files")(
      "image", po::value(&o.image), "a picture of them (PNG)")(
      "given", po::value(&o.given),
      "data file whose rows condition the samples, row i mod its rows sample i: labels, images, "
      "values of functions at some points of the samples' grid (NaN: not known), conditions")(
      "grid", po::value(&grid),
      "of functions: N or NxM points, from the domain's first to its last coordinate, on a "
      "periodic "
      "axis x_0 + j L/N (default: the finest training grid)")(
      "coordinates", po::value(&o.coordinates), "of functions: data file whose grid they get")(
      "set", po::value(&o.settings)->composing(),
      "trainer.KEY=value, KEY one of sampler, variance, steps, conditioning, guidance_iterations: "
      "otherwise than the run was told to; may be repeated")(
      "seed", po::value(&o.seed)->default_value(0), "")(
      "steps", po::value(&o.steps)->default_value(0), "of the sampler; 0: the method's own")(
      "collective-timeout", po::value(&o.collective_timeout)->default_value(-1, "the run's"),
      "seconds a rank waits for the others before it looks for the reason; 0: for ever")(
      "ema", po::value(&o.ema), "width of the EMA profile, or none (default: the first profile)");
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  if (o.count < 1) throw ConfigError(fmt::format("--count {} (must be at least 1)", o.count));
  if (o.seed < 0 || o.steps < 0) throw ConfigError("--seed and --steps must not be negative");
  if (values.count("grid")) o.grid = points_of_grid(grid);
  if (!o.grid.empty() && !o.coordinates.empty())
    throw ConfigError("--grid and --coordinates (both name the samples' grid) give one");
  if (o.out.empty() && o.image.empty())
    throw ConfigError("nothing to write (neither --out nor --image) give --out FILE.h5");
  return {true, false, [o](const Catalogue& c, const MpiSession* s) { return sample(o, c, *s); }};
}

Command parse_evaluate(const Arguments& arguments) {
  EvaluateOptions o;
  Parser p;
  p.usage = "evaluate RUN_OR_CHECKPOINT [options]";
  p.about = "Figures on held-out rows (split 2, else 1): a table, and JSON with --out.";
  p.operand("RUN", 1, po::value(&o.run)->required());
  p.options.add_options()("data", po::value(&o.data), "another data file (default: the run's own)")(
      "out", po::value(&o.out), "JSON file")("compare", po::value(&o.compare),
                                             "another run, shown beside it")(
      "set", po::value(&o.settings)->composing(),
      "trainer.KEY=value, KEY one of sampling or of evaluation (nll_rows, evaluation_samples, "
      "...): "
      "otherwise than the run was told to; may be repeated")(
      "collective-timeout", po::value(&o.collective_timeout)->default_value(-1, "the run's"),
      "seconds a rank waits for the others before it looks for the reason; 0: for ever")(
      "ema", po::value(&o.ema), "width of the EMA profile, or none (default: the first profile)");
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  return {true, false, [o](const Catalogue& c, const MpiSession* s) { return evaluate(o, c, *s); }};
}

std::string import_help(const Catalogue& catalogue) {
  std::string text = "Makes a data file from what people have. KIND and its SOURCEs:\n";
  for (const auto& [name, entry] : catalogue.datasets.entries()) {
    text += fmt::format("  {:<10} {}\n", name, entry.make().sources);
  }
  return text;
}

Command parse_data(Arguments arguments) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  if (what == "--help" || what == "-h") {
    std::cout << "usage: ornstein data import KIND SOURCE... OUT.h5\n       ornstein data info "
                 "FILE.h5\n\n"
              << import_help(Catalogue());
    return kPrinted;
  }
  if (what != "import" && what != "info") {
    throw ConfigError(fmt::format("data {}: no such command (known: import, info)", what));
  }
  arguments.erase(arguments.begin());
  Parser p;
  po::variables_map values;
  Arguments operands;
  if (what == "info") {
    p.usage = "data info FILE.h5";
    p.about = "Describes a data file, and checks it.";
    p.operand("FILE", 1, po::value(&operands)->required());
    if (!p.parse(arguments, values)) return kPrinted;
    return {false, false, [operands](const Catalogue& c, const MpiSession*) {
              return data_info(operands[0], c);
            }};
  }
  DataImportOptions o;
  p.usage = "data import KIND SOURCE... OUT.h5 [options]";
  p.about = import_help(Catalogue());
  p.operand("OPERANDS", -1, po::value(&operands)->required());
  p.options.add_options()("size", po::value(&o.import.size)->default_value(0),
                          "images: crop to a square and resize to so many pixels (0: as they are); "
                          "synthetic:NAME: its size")("grey", po::bool_switch(&o.import.grey),
                                                      "images: one channel")(
      "set", po::value(&o.import.settings)->composing(),
      "dataset.key=value: another value of a key of synthetic:NAME, or of what functions are "
      "imported from; may be repeated");
  if (!p.parse(arguments, values)) return kPrinted;
  if (operands.size() < 3)
    throw ConfigError("data import needs KIND SOURCE... OUT.h5 see `ornstein data import --help`");
  o.kind = operands.front();
  o.output = operands.back();
  if (o.import.size < 0)
    throw ConfigError(fmt::format("--size {} (must not be negative)", o.import.size));
  o.sources.assign(operands.begin() + 1, operands.end() - 1);
  return {false, false, [o](const Catalogue& c, const MpiSession*) { return data_import(o, c); }};
}

Command parse_join(const Arguments& arguments) {
  JoinOptions o;
  Parser p;
  p.usage = "join RUN... --out DIR";
  p.about =
      "Joins runs of one configuration that each trained some of the method's stages "
      "(trainer.stages) into one run, to sample, evaluate or train on from.";
  p.operand("RUN", -1, po::value(&o.runs)->required());
  p.options.add_options()("out", po::value(&o.out)->required(), "the joined run's directory");
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  return {false, false, [o](const Catalogue& c, const MpiSession*) { return join(o, c); }};
}

Command parse_inspect(const Arguments& arguments) {
  std::string file;
  Parser p;
  p.usage = "inspect RUN_OR_CHECKPOINT";
  p.about =
      "Lists tensors, progress and configuration; verifies the checksum (exit code 1 if damaged).";
  p.operand("CHECKPOINT", 1, po::value(&file)->required());
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  return {false, false, [file](const Catalogue&, const MpiSession*) { return inspect(file); }};
}

Command parse_list(const Arguments& arguments) {
  std::string what;
  Parser p;
  p.usage = "list [trainers|datasets|networks]";
  p.about = "What may stand as a name in a configuration: name, summary, paper.";
  p.operand("WHAT", 1, po::value(&what));
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  return {false, false, [what](const Catalogue& c, const MpiSession*) { return list(what, c); }};
}

Command parse_doctor(const Arguments& arguments) {
  std::string out;
  Parser p;
  p.usage = "doctor [--out DIR]";
  p.about =
      "What this machine offers and how this launch looks; start it the way you start training.";
  p.options.add_options()("out", po::value(&out)->default_value("."),
                          "whose file system to look at");
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  return {true, false, [out](const Catalogue&, const MpiSession* s) { return doctor(out, *s); }};
}

Command parse_selftest(const Arguments& arguments) {
  SelftestOptions o;
  bool chaos = false;
  Parser p;
  p.usage = "selftest --chaos [options]";
  p.about =
      "Trains tiny models on this machine or allocation and disturbs them: stops, kills, failing "
      "writes,\ndamaged checkpoints, ranks that hang, losses that are not finite. Prints a table "
      "of "
      "promise, fault\nand outcome; exit code 0 if all held. Start it plainly: it starts training "
      "itself.";
  p.options.add_options()("chaos", po::bool_switch(&chaos), "the test (there is one)")(
      "minutes", po::value(&o.minutes)->default_value(4),
      "each promise is tried once at least, then faults are repeated at other moments")(
      "launcher", po::value(&o.launcher),
      "what stands before `ornstein train`, words separated by blanks (default: mpirun on two "
      "ranks, srun in a Slurm allocation)")(
      "out", po::value(&o.out),
      "folder for the runs, seen by all ranks (default: a temporary one, in Slurm the current "
      "one); what is in it stays if something failed")(
      "only", po::value(&o.only), "cases whose \"promise: fault\" holds these words")(
      "seed", po::value(&o.seed), "of the moments (default: drawn and printed)");
  po::variables_map values;
  if (!p.parse(arguments, values)) return kPrinted;
  if (!chaos) throw ConfigError("selftest: nothing to do (no test was named) add --chaos");
  if (!(o.minutes >= 0))
    throw ConfigError(fmt::format("--minutes {} (must not be negative)", o.minutes));
  if (!values.count("seed")) o.seed = std::random_device()();
  return {false, true, [o](const Catalogue&, const MpiSession*) { return selftest(o); }};
}

}  // namespace

Command parse_command_line(const Arguments& arguments) {
  const std::string command = arguments.empty() ? "--help" : arguments[0];
  const Arguments rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (command == "--help" || command == "-h" || command == "help") {
    std::cout << kUsage;
    return kPrinted;
  }
  if (command == "train") return parse_train(rest);
  if (command == "sample") return parse_sample(rest);
  if (command == "evaluate") return parse_evaluate(rest);
  if (command == "join") return parse_join(rest);
  if (command == "data") return parse_data(rest);
  if (command == "inspect") return parse_inspect(rest);
  if (command == "list") return parse_list(rest);
  if (command == "doctor") return parse_doctor(rest);
  if (command == "selftest") return parse_selftest(rest);
  throw ConfigError(
      fmt::format("'{}' is no command{}", command,
                  did_you_mean(command, {"train", "sample", "evaluate", "join", "data", "inspect",
                                         "list", "doctor", "selftest"})));
}

}  // namespace ornstein
