-- From views to the engine's vectors and rotations. The only file beside the platform that knows the engine; the library
-- itself does without it.

local helpers = {}

---The place of a view (or an entity, or anything with x and y) as a vector. Give one to fill, and no garbage is made.
---@param view {x: number, y: number}
---@param z number|nil 0 when left out; a vector that is given keeps its own.
---@param into vector3|nil
---@return vector3
function helpers.position(view, z, into)
  if not into then return vmath.vector3(view.x, view.y, z or 0) end
  into.x, into.y = view.x, view.y
  if z then into.z = z end
  return into
end

---A heading in radians as a rotation; 0 looks along +x, counter-clockwise.
---@param heading number
---@return quaternion
function helpers.rotation(heading) return vmath.quat_rotation_z(heading) end

---The heading of a movement.
---@param dx number
---@param dy number
---@return number
function helpers.heading(dx, dy) return math.atan2(dy, dx) end

---Eases `from` towards `to` by the share that `seconds` of a movement which loses two thirds of its way every `time`
---seconds make, whatever the frame rate: for cameras and the like.
---@param from vector3
---@param to vector3
---@param seconds number
---@param time number
---@return vector3
function helpers.ease(from, to, seconds, time)
  return vmath.lerp(1 - math.exp(-seconds / time), from, to)
end

return helpers
