#include "framework/checkpoint/hdf5_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/checkpoint/check_hdf5.h"

namespace ornstein {
namespace {

constexpr int64_t kBlockBytes = int64_t{8} << 20;  // moved while holding the mutex

// h5py's convention for bool is an enumeration of bytes.
hid_t make_bool_type() {
  const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  for (const auto& [name, value] : {std::pair<const char*, int8_t>{"FALSE", 0}, {"TRUE", 1}}) {
    H5Tenum_insert(type, name, &value);
  }
  return type;
}

// In memory and, on the little-endian machines LibTorch runs on, in the file.
Hdf5Handle element_type(at::ScalarType type) {
  Hdf5Lock lock;
  auto copy = [](hid_t native) { return Hdf5Handle(H5Tcopy(native), H5Tclose); };
  switch (type) {
    case at::kBool:
      return {make_bool_type(), H5Tclose};
    case at::kByte:
      return copy(H5T_NATIVE_UINT8);
    case at::kChar:
      return copy(H5T_NATIVE_INT8);
    case at::kShort:
      return copy(H5T_NATIVE_INT16);
    case at::kInt:
      return copy(H5T_NATIVE_INT32);
    case at::kLong:
      return copy(H5T_NATIVE_INT64);
    case at::kFloat:
      return copy(H5T_NATIVE_FLOAT);
    case at::kDouble:
      return copy(H5T_NATIVE_DOUBLE);
    default:
      TORCH_CHECK(false, "no HDF5 type for ", c10::toString(type));
  }
}

// The narrowest type of ours that holds every value.
std::optional<at::ScalarType> scalar_type(hid_t type) {
  const size_t bytes = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_ENUM:
      if (bytes == 1 && H5Tget_nmembers(type) == 2) return at::kBool;
      return std::nullopt;
    case H5T_INTEGER: {
      const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
      if (bytes == 1) return is_signed ? at::kChar : at::kByte;
      if (bytes == 2) return is_signed ? at::kShort : at::kInt;
      if (bytes == 4 && is_signed) return at::kInt;
      return at::kLong;
    }
    case H5T_FLOAT:
      return bytes <= sizeof(float) ? at::kFloat : at::kDouble;
    default:
      return std::nullopt;
  }
}

Hdf5Handle open_data_set(hid_t file, const Hdf5Call& call) {
  Hdf5Lock lock;
  return {check_hdf5(H5Dopen2(file, call.object.c_str(), H5P_DEFAULT), call), H5Dclose};
}

at::ScalarType type_of(hid_t data_set, const Hdf5Call& call) {
  Hdf5Lock lock;
  const Hdf5Handle type(check_hdf5(H5Dget_type(data_set), call), H5Tclose);
  if (const auto found = scalar_type(type)) return *found;
  throw_hdf5(call, "its elements are neither numbers nor booleans");
}

std::vector<int64_t> shape_of(hid_t data_set, const Hdf5Call& call) {
  Hdf5Lock lock;
  const Hdf5Handle space(check_hdf5(H5Dget_space(data_set), call), H5Sclose);
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return {0};
  std::vector<hsize_t> shape(check_hdf5(H5Sget_simple_extent_ndims(space), call));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  return {shape.begin(), shape.end()};
}

// Calls move(memory space, file space, byte offset in memory) for blocks of at most kBlockBytes of
// the contiguous tensor whose place in the data set starts at row `first`, each under the mutex.
// Cuts along the first axis whose rows fit.
template <typename Move>
void for_each_block(hid_t data_set, int64_t first, const at::Tensor& tensor, const Hdf5Call& call,
                    const Move& move) {
  if (tensor.numel() == 0) return;
  if (tensor.dim() == 0) {
    Hdf5Lock lock;
    return move(H5S_ALL, H5S_ALL, 0);
  }
  const auto shape = tensor.sizes();
  int64_t axis = 0, outer = 1, row_bytes = static_cast<int64_t>(tensor.nbytes()) / shape[0];
  while (row_bytes > kBlockBytes && axis + 1 < tensor.dim()) {
    outer *= shape[axis++];
    row_bytes /= shape[axis];
  }
  const int64_t step = std::max<int64_t>(1, kBlockBytes / row_bytes);
  std::vector<hsize_t> start(shape.size(), 0), count(shape.begin(), shape.end());
  std::fill_n(count.begin(), axis, 1);
  for (int64_t block = 0; block < outer; ++block) {
    for (int64_t i = axis, rest = block; i-- > 0; rest /= shape[i]) start[i] = rest % shape[i];
    for (int64_t row = 0; row < shape[axis]; row += step) {
      start[axis] = row;
      count[axis] = std::min(step, shape[axis] - row);
      std::vector<hsize_t> place = start;
      place[0] += first;
      Hdf5Lock lock;
      const Hdf5Handle file(check_hdf5(H5Dget_space(data_set), call), H5Sclose);
      check_hdf5(
          H5Sselect_hyperslab(file, H5S_SELECT_SET, place.data(), nullptr, count.data(), nullptr),
          call);
      const Hdf5Handle memory(
          check_hdf5(H5Screate_simple(tensor.dim(), count.data(), nullptr), call), H5Sclose);
      move(memory, file, (block * shape[axis] + row) * row_bytes);
    }
  }
}

void read_into(at::Tensor tensor, hid_t data_set, int64_t first, const Hdf5Call& call) {
  const Hdf5Handle type = element_type(tensor.scalar_type());
  auto* bytes = static_cast<char*>(tensor.data_ptr());
  for_each_block(data_set, first, tensor, call, [&](hid_t memory, hid_t file, int64_t offset) {
    check_hdf5(H5Dread(data_set, type, memory, file, H5P_DEFAULT, bytes + offset), call);
  });
}

// No object carries a time.
Hdf5Handle timeless(hid_t list_class) {
  Hdf5Handle list(H5Pcreate(list_class), H5Pclose);
  H5Pset_obj_track_times(list, false);
  return list;
}

// The library's file locks are refused by parallel file systems mounted without flock, and guard
// nothing here.
Hdf5Handle unlocked_access() {
  Hdf5Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(list, false, true);
  return list;
}

}  // namespace

Hdf5File Hdf5File::open(const std::string& path) {
  Hdf5Lock lock;
  return {path, check_hdf5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, unlocked_access()),
                           {Hdf5Call::kOpen, path, ""})};
}

Hdf5File Hdf5File::create(const std::string& path, uint64_t user_block) {
  Hdf5Lock lock;
  const Hdf5Handle creation = timeless(H5P_FILE_CREATE);
  H5Pset_userblock(creation, user_block);
  return {path, check_hdf5(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, unlocked_access()),
                           {Hdf5Call::kWrite, path, ""})};
}

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : path_(std::move(other.path_)), id_(std::exchange(other.id_, -1)) {}

Hdf5File& Hdf5File::operator=(Hdf5File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(id_, other.id_);
  return *this;
}

Hdf5File::~Hdf5File() {
  Hdf5Lock lock;
  if (id_ >= 0) H5Fclose(id_);
}

void Hdf5File::close() {
  Hdf5Lock lock;
  if (id_ >= 0) check_hdf5(H5Fclose(std::exchange(id_, -1)), {Hdf5Call::kWrite, path_, ""});
}

bool Hdf5File::has(const std::string& name) const {
  Hdf5Lock lock;
  return H5Oexists_by_name(id_, name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5File::tensors() const {
  Hdf5Lock lock;
  std::vector<std::string> names;
  auto keep_data_sets = [](hid_t, const char* name, const H5O_info_t* info, void* to) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string>*>(to)->push_back(std::string("/") + name);
    return 0;
  };
  check_hdf5(H5Ovisit(id_, H5_INDEX_NAME, H5_ITER_INC, keep_data_sets, &names),
             {Hdf5Call::kRead, path_, "/"});
  return names;
}

std::vector<int64_t> Hdf5File::shape(const std::string& name) const {
  const Hdf5Call call{Hdf5Call::kRead, path_, name};
  return shape_of(open_data_set(id_, call), call);
}

at::ScalarType Hdf5File::type(const std::string& name) const {
  const Hdf5Call call{Hdf5Call::kRead, path_, name};
  return type_of(open_data_set(id_, call), call);
}

at::Tensor Hdf5File::read(const std::string& name) const {
  const Hdf5Call call{Hdf5Call::kRead, path_, name};
  const Hdf5Handle data_set = open_data_set(id_, call);
  at::Tensor tensor = at::empty(shape_of(data_set, call), type_of(data_set, call));
  read_into(tensor, data_set, 0, call);
  return tensor;
}

at::Tensor Hdf5File::read_rows(const std::string& name, int64_t first, int64_t rows) const {
  const Hdf5Call call{Hdf5Call::kRead, path_, name};
  const Hdf5Handle data_set = open_data_set(id_, call);
  std::vector<int64_t> shape = shape_of(data_set, call);
  TORCH_CHECK(!shape.empty() && 0 <= first && 0 <= rows && rows <= shape[0] - first, "rows ", first,
              " to ", first + rows, " of ", name, " in ", path_);
  shape[0] = rows;
  at::Tensor tensor = at::empty(shape, type_of(data_set, call));
  read_into(tensor, data_set, first, call);
  return tensor;
}

at::Tensor Hdf5File::read_rows(const std::string& name, const at::Tensor& sorted_rows) const {
  const Hdf5Call call{Hdf5Call::kRead, path_, name};
  const Hdf5Handle data_set = open_data_set(id_, call);
  std::vector<int64_t> shape = shape_of(data_set, call);
  const at::Tensor contiguous = sorted_rows.contiguous();
  const at::IntArrayRef rows(contiguous.const_data_ptr<int64_t>(), contiguous.numel());
  const bool rising =
      std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end();
  TORCH_CHECK(!shape.empty() && rising, "rows of ", name, " must rise strictly");
  TORCH_CHECK(rows.empty() || (rows.front() >= 0 && rows.back() < shape[0]), "rows beyond the ",
              shape[0], " of ", name);
  shape[0] = static_cast<int64_t>(rows.size());
  at::Tensor tensor = at::empty(shape, type_of(data_set, call));
  for (size_t begin = 0, end; begin < rows.size(); begin = end) {  // neighbouring rows at once
    for (end = begin + 1; end < rows.size() && rows[end] == rows[end - 1] + 1;) ++end;
    read_into(tensor.slice(0, begin, end), data_set, rows[begin], call);
  }
  return tensor;
}

void Hdf5File::write(const std::string& name, const at::Tensor& tensor) {
  allocate(name, tensor.scalar_type(), tensor.sizes().vec());
  write_rows(name, 0, tensor);
}

void Hdf5File::allocate(const std::string& name, at::ScalarType type,
                        const std::vector<int64_t>& shape) {
  Hdf5Lock lock;
  const Hdf5Call call{Hdf5Call::kWrite, path_, name};
  const std::vector<hsize_t> dimensions(shape.begin(), shape.end());
  const Hdf5Handle space(shape.empty() ? H5Screate(H5S_SCALAR)
                                       : check_hdf5(H5Screate_simple(static_cast<int>(shape.size()),
                                                                     dimensions.data(), nullptr),
                                                    call),
                         H5Sclose);
  const Hdf5Handle data_set(
      check_hdf5(H5Dcreate2(id_, name.c_str(), element_type(type), space, making_groups(),
                            timeless(H5P_DATASET_CREATE), H5P_DEFAULT),
                 call),
      H5Dclose);
}

void Hdf5File::write_rows(const std::string& name, int64_t first, const at::Tensor& rows) {
  const Hdf5Call call{Hdf5Call::kWrite, path_, name};
  const Hdf5Handle data_set = open_data_set(id_, call);
  const std::vector<int64_t> shape = shape_of(data_set, call);
  const bool fits = rows.dim() == static_cast<int64_t>(shape.size()) &&
                    rows.scalar_type() == type_of(data_set, call) &&
                    (shape.empty() || (rows.sizes().slice(1) == at::IntArrayRef(shape).slice(1) &&
                                       0 <= first && rows.size(0) <= shape[0] - first));
  TORCH_CHECK(fits, rows.scalar_type(), " rows ", rows.sizes(), " at ", first, " do not fit ",
              name);
  const at::Tensor contiguous = rows.detach().cpu().contiguous();
  const Hdf5Handle type = element_type(rows.scalar_type());
  const auto* bytes = static_cast<const char*>(contiguous.const_data_ptr());
  for_each_block(data_set, first, contiguous, call, [&](hid_t memory, hid_t file, int64_t offset) {
    check_hdf5(H5Dwrite(data_set, type, memory, file, H5P_DEFAULT, bytes + offset), call);
  });
}

int64_t Hdf5File::offset(const std::string& name) const {
  const Hdf5Handle data_set = open_data_set(id_, {Hdf5Call::kRead, path_, name});
  Hdf5Lock lock;
  return H5Dget_storage_size(data_set) == 0 ? -1 : static_cast<int64_t>(H5Dget_offset(data_set));
}

}  // namespace ornstein
