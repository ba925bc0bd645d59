-- room:close while somebody is in the door.
-- expect: harmless; closes

return { enter = function(room) room:close() end }
