#include "datasets/functions/netcdf_file.h"

#include <netcdf.h>

#include <fstream>

#include "framework/base/errors.h"

namespace ornstein::functions {
namespace {

void check_netcdf(int status, const std::string& path, const std::string& what) {
  if (status != NC_NOERR)
    throw DataError(fmt::format("{}: cannot read {} ({})", path, what, nc_strerror(status)));
}

}  // namespace

bool is_netcdf_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(4, '\0');
  file.read(start.data(), 4);
  return file && (start.starts_with("CDF") || start == "\x89HDF");
}

NetcdfFile NetcdfFile::open(const std::string& path) {
  int id = -1;
  check_netcdf(nc_open(path.c_str(), NC_NOWRITE, &id), path, "the file");
  NetcdfFile file(path, id);
  file.read_variables();
  return file;
}

NetcdfFile::~NetcdfFile() {
  if (id_ >= 0) nc_close(id_);
}

void NetcdfFile::read_variables() {
  int count = 0;
  check_netcdf(nc_inq_nvars(id_, &count), path_, "its variables");
  for (int id = 0; id < count; ++id) {
    char name[NC_MAX_NAME + 1] = {};
    nc_type type = NC_NAT;
    int axes = 0, axis_ids[NC_MAX_VAR_DIMS] = {};
    check_netcdf(nc_inq_var(id_, id, name, &type, &axes, axis_ids, nullptr), path_, "a variable");
    if (type == NC_CHAR || type > NC_UINT64) continue;  // text, or a type of the user's own
    Variable variable{.name = name, .id = id, .single = type == NC_FLOAT};
    for (int axis = 0; axis < axes; ++axis) {
      char axis_name[NC_MAX_NAME + 1] = {};
      size_t length = 0;
      check_netcdf(nc_inq_dim(id_, axis_ids[axis], axis_name, &length), path_, variable.name);
      variable.axes.push_back(axis_name);
      variable.shape.push_back(static_cast<int64_t>(length));
    }
    for (const char* attribute : {"_FillValue", "missing_value"})
      for (const double value : numbers(id, attribute))
        variable.missing.push_back(variable.single ? static_cast<float>(value) : value);
    // What the library puts where nobody wrote.
    if (type == NC_FLOAT) variable.missing.push_back(NC_FILL_FLOAT);
    if (type == NC_DOUBLE) variable.missing.push_back(NC_FILL_DOUBLE);
    if (const auto scale = numbers(id, "scale_factor"); !scale.empty()) variable.scale = scale[0];
    if (const auto offset = numbers(id, "add_offset"); !offset.empty()) variable.offset = offset[0];
    variables_.push_back(std::move(variable));
  }
}

const NetcdfFile::Variable* NetcdfFile::find(const std::string& name) const {
  const auto found = std::find_if(variables_.begin(), variables_.end(),
                                  [&](const Variable& v) { return v.name == name; });
  return found == variables_.end() ? nullptr : &*found;
}

std::vector<double> NetcdfFile::numbers(int variable, const char* attribute) const {
  nc_type type = NC_NAT;
  size_t length = 0;
  if (nc_inq_att(id_, variable, attribute, &type, &length) != NC_NOERR || type == NC_CHAR ||
      type > NC_UINT64)
    return {};
  std::vector<double> values(length);
  check_netcdf(nc_get_att_double(id_, variable, attribute, values.data()), path_, attribute);
  return values;
}

std::string NetcdfFile::text(const Variable& variable, const std::string& attribute) const {
  nc_type type = NC_NAT;
  size_t length = 0;
  if (nc_inq_att(id_, variable.id, attribute.c_str(), &type, &length) != NC_NOERR) return "";
  if (type == NC_STRING && length == 1) {
    char* value = nullptr;
    check_netcdf(nc_get_att_string(id_, variable.id, attribute.c_str(), &value), path_, attribute);
    std::string text = value ? value : "";
    nc_free_string(1, &value);
    return text;
  }
  if (type != NC_CHAR) return "";
  std::string text(length, '\0');
  check_netcdf(nc_get_att_text(id_, variable.id, attribute.c_str(), text.data()), path_, attribute);
  return text.substr(0, text.find('\0'));
}

at::Tensor NetcdfFile::read(const Variable& variable, const std::vector<int64_t>& start,
                            const std::vector<int64_t>& count) const {
  at::Tensor values = at::empty(count, at::kDouble);
  const std::vector<size_t> from(start.begin(), start.end()), many(count.begin(), count.end());
  check_netcdf(nc_get_vara_double(id_, variable.id, from.data(), many.data(),
                                  values.mutable_data_ptr<double>()),
               path_, variable.name);
  at::Tensor none = values.isfinite().logical_not();
  for (const double missing : variable.missing) none.logical_or_(values == missing);
  values.mul_(variable.scale).add_(variable.offset);
  return values.masked_fill_(none, std::nan(""));
}

at::Tensor NetcdfFile::read(const Variable& variable) const {
  return read(variable, std::vector<int64_t>(variable.shape.size(), 0), variable.shape);
}

}  // namespace ornstein::functions
