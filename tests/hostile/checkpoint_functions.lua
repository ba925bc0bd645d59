-- A memory of functions, coroutines and things with metatables, at every depth.
-- expect: error

local function fill(into, depth)
  into.f, into.g, into.c = print, function() return into end, coroutine.create(print)
  into.m = setmetatable({}, { __index = into, __pairs = error })
  if depth > 0 then into.l, into.r = fill({}, depth - 1), fill({}, depth - 1) end
  return into
end
return { open = function(room) fill(room.memory, 6) end }
