#include <algorithm>

#include "framework/checkpoint/check_hdf5.h"
#include "framework/checkpoint/hdf5_file.h"

namespace ornstein {
namespace {

// The default format keeps an attribute within a message of 64 KB.
constexpr size_t kTextBytes = 60000, kNumbers = kTextBytes / sizeof(double);

std::string attribute_path(const std::string& object, const std::string& name) {
  return fmt::format("attribute '{}' of {}", name, object);
}

Hdf5Handle open_attribute(hid_t file, const std::string& object, const std::string& name,
                          const Hdf5Call& call) {
  return {check_hdf5(H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                     call),
          H5Aclose};
}

hssize_t values_of(hid_t attribute, const Hdf5Call& call) {
  const Hdf5Handle space(check_hdf5(H5Aget_space(attribute), call), H5Sclose);
  return H5Sget_simple_extent_npoints(space);
}

Hdf5Handle open_value(hid_t file, const std::string& object, const std::string& name,
                      const Hdf5Call& call) {
  Hdf5Handle attribute = open_attribute(file, object, name, call);
  if (values_of(attribute, call) != 1) throw_hdf5(call, "the attribute is not one value");
  return attribute;
}

// Makes the object, a group, where it is missing.
void create_attribute(hid_t file, const std::string& object, const std::string& name, hid_t type,
                      hid_t space, const void* value, const Hdf5Call& call) {
  if (H5Oexists_by_name(file, object.c_str(), H5P_DEFAULT) <= 0) {
    check_hdf5(
        H5Gclose(check_hdf5(
            H5Gcreate2(file, object.c_str(), making_groups(), H5P_DEFAULT, H5P_DEFAULT), call)),
        call);
  }
  const Hdf5Handle attribute(
      check_hdf5(H5Acreate_by_name(file, object.c_str(), name.c_str(), type, space, H5P_DEFAULT,
                                   H5P_DEFAULT, H5P_DEFAULT),
                 call),
      H5Aclose);
  check_hdf5(H5Awrite(attribute, type, value), call);
}

Hdf5Handle one_value() { return {H5Screate(H5S_SCALAR), H5Sclose}; }

}  // namespace

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  Hdf5Lock lock;
  return H5Aexists_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::string Hdf5File::text_attribute(const std::string& object, const std::string& name) const {
  Hdf5Lock lock;
  const Hdf5Call call{Hdf5Call::kRead, path_, attribute_path(object, name)};
  const Hdf5Handle attribute = open_value(id_, object, name, call);
  const Hdf5Handle type(check_hdf5(H5Aget_type(attribute), call), H5Tclose);
  if (H5Tget_class(type) != H5T_STRING) throw_hdf5(call, "the attribute is not a text");
  if (H5Tis_variable_str(type) > 0) {  // what h5py makes of a str
    char* text = nullptr;
    check_hdf5(H5Aread(attribute, type, &text), call);
    std::string copy = text ? text : "";
    H5free_memory(text);
    return copy;
  }
  std::string text(H5Tget_size(type), '\0');
  check_hdf5(H5Aread(attribute, type, text.data()), call);
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
    return text.substr(0, text.find_last_not_of(' ') + 1);
  return text.substr(0, text.find('\0'));
}

int64_t Hdf5File::integer_attribute(const std::string& object, const std::string& name) const {
  Hdf5Lock lock;
  const Hdf5Call call{Hdf5Call::kRead, path_, attribute_path(object, name)};
  const Hdf5Handle attribute = open_value(id_, object, name, call);
  const Hdf5Handle type(check_hdf5(H5Aget_type(attribute), call), H5Tclose);
  if (H5Tget_class(type) != H5T_INTEGER) throw_hdf5(call, "the attribute is not an integer");
  int64_t value = 0;
  check_hdf5(H5Aread(attribute, H5T_NATIVE_INT64, &value), call);
  return value;
}

std::vector<double> Hdf5File::numbers_attribute(const std::string& object,
                                                const std::string& name) const {
  Hdf5Lock lock;
  const Hdf5Call call{Hdf5Call::kRead, path_, attribute_path(object, name)};
  const Hdf5Handle attribute = open_attribute(id_, object, name, call);
  const Hdf5Handle type(check_hdf5(H5Aget_type(attribute), call), H5Tclose);
  if (H5Tget_class(type) != H5T_INTEGER && H5Tget_class(type) != H5T_FLOAT)
    throw_hdf5(call, "the attribute is not numbers");
  std::vector<double> values(values_of(attribute, call));
  check_hdf5(H5Aread(attribute, H5T_NATIVE_DOUBLE, values.data()), call);
  return values;
}

std::vector<std::string> Hdf5File::attributes(const std::string& object) const {
  Hdf5Lock lock;
  std::vector<std::string> names;
  auto keep_name = [](hid_t, const char* name, const H5A_info_t*, void* to) -> herr_t {
    static_cast<std::vector<std::string>*>(to)->push_back(name);
    return 0;
  };
  check_hdf5(H5Aiterate_by_name(id_, object.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_name,
                                &names, H5P_DEFAULT),
             {Hdf5Call::kRead, path_, object});
  return names;
}

void Hdf5File::write_attribute(const std::string& object, const std::string& name,
                               const std::string& text) {
  Hdf5Lock lock;
  const Hdf5Call call{Hdf5Call::kWrite, path_, attribute_path(object, name)};
  if (text.size() > kTextBytes) {
    throw_hdf5(call, fmt::format("{} bytes of text, {} is the most", text.size(), kTextBytes));
  }
  // Of fixed length: a variable one lives outside the attribute, in a heap. No HDF5 type is empty.
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<size_t>(1, text.size()));
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  create_attribute(id_, object, name, type, one_value(), text.data(), call);
}

void Hdf5File::write_attribute(const std::string& object, const std::string& name, int64_t value) {
  Hdf5Lock lock;
  create_attribute(id_, object, name, H5T_NATIVE_INT64, one_value(), &value,
                   {Hdf5Call::kWrite, path_, attribute_path(object, name)});
}

void Hdf5File::write_attribute(const std::string& object, const std::string& name,
                               const std::vector<double>& values) {
  Hdf5Lock lock;
  const Hdf5Call call{Hdf5Call::kWrite, path_, attribute_path(object, name)};
  if (values.size() > kNumbers)
    throw_hdf5(call, fmt::format("{} numbers, {} is the most", values.size(), kNumbers));
  const hsize_t count = values.size();
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  create_attribute(id_, object, name, H5T_NATIVE_DOUBLE, space, values.data(), call);
}

}  // namespace ornstein
