// Makes data files of clouds from meshes: OBJ, PLY, STL, OFF files, or folders of them. Where a
// folder's meshes lie in sub-folders (at any depth), the names of those right below it become the
// labels. Keys come by `--set dataset.key=value`:
//
//   points       points of a cloud, drawn uniformly from the surface (2048)
//   seed         of the draw (0). A mesh's points depend on it and on the mesh's path below its
//                source alone
//   normalise    shape_unit, shape_box, global_unit, none (normalisation.h)
//   up           which axis of the files points up, `y` or `z`; clouds are stored with y up (y)
//   skip         meshes that cannot be read or have no surface are left out and counted; false
//   licence      a text for the file's attribute of that name
//   attribution  a text file (authors, say), kept whole as the attribute `attribution`; <= 60000
//                bytes
//
// The file holds `points` [N, P, 3], `labels` and the attribute `class_names` where there are
// sub-folders, `shift` [N, 3] and `scale` [N] (original = points * scale + shift), and `names`
// [N, L] uint8, the meshes' paths below their source, padded with zeros.
#pragma once

#include <string>
#include <vector>

#include "framework/data/dataset_factory.h"

namespace ornstein::point_clouds {

// Throws DataError naming the mesh, or ConfigError, and leaves nothing behind when it does.
void import_meshes(const std::vector<std::string>& sources, const std::string& output,
                   const ImportOptions& options);

}  // namespace ornstein::point_clouds
