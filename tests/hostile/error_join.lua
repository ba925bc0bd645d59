-- Fails in join.
-- expect: error

return { join = function() error "join" end }
