// Makes data files of points from what people have. Keys come by `--set dataset.key=value`:
//
//   space        euclidean (default), sphere, torus, so3, hyperbolic, binary, simplex, or a product
//                (spaces.h): what the rows are points of
//   columns      of a table with a header: the names of the columns to take, in this order
//   coordinates  of the sphere: `ambient` (unit vectors) or `latitude_longitude` (degrees, to
//                x = cos lat cos lon, y = cos lat sin lon, z = sin lat). Default: the latter where
//                the header has one column lat... and one lon... (these two are taken, whatever
//                else there is), or where there are two columns
//   unit         of the torus, required: `degrees` (wrapped into (-pi, pi] radians) or `radians`
//   graphs       of binary: the sources are lists of graphs (graph_list.h); false
//   skip         rows that are no numbers, or off the space, are left out and counted; false
#pragma once

#include <string>
#include <vector>

#include "framework/data/dataset_factory.h"

namespace ornstein::points {

// The sources, of one kind, become rows in the order given. Throws DataError (naming file and line)
// or ConfigError, and leaves nothing behind when it does.
void import_points(const std::vector<std::string>& sources, const std::string& output,
                   const ImportOptions& options);

}  // namespace ornstein::points
