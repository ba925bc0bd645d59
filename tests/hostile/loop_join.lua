-- A loop in join.
-- expect: overrun

return { join = function() while true do end end }
